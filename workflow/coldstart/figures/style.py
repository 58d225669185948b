"""The style of every figure (type, colours, markers, names), and its way into a file."""

import hashlib
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

from coldstart.common.atomic import replacing

NARROW = 3.3
"""Inches: one column of a two-column paper."""
WIDTH = 5.5
"""Inches: the text width of a one-column paper."""
WIDE = 6.75
"""Inches: across both columns of a two-column paper."""
GREY = "0.45"
NOTE_SIZE = 7.0
LONGEST = 24
"""Longer names of classes are shortened to this many characters."""
MOST_TICKS = 25
"""At most this many names stand along an axis."""
DECADES = 3.0
"""An axis over more decades than this has ticks at the powers of ten alone."""
TITLE_LINE, HANDLE, LETTER = 0.17, 0.45, 0.058
"""Inches of a line of the title, and of a legend's handles and letters."""
TICK_ROOM = 0.08
"""Share of an axis that the number at a tick takes."""

_RC = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "sans-serif"],  # the first ships with matplotlib
    "font.size": 8.0,
    "axes.titlesize": 8.0,
    "axes.labelsize": 8.0,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "legend.handlelength": 1.8,
    "legend.labelspacing": 0.35,
    "figure.titlesize": 9.0,
    "figure.titleweight": "bold",
    "figure.dpi": 100,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "0.25",
    "axes.labelcolor": "0.1",
    "axes.axisbelow": True,
    "xtick.color": "0.25",
    "ytick.color": "0.25",
    "xtick.labelcolor": "0.1",
    "ytick.labelcolor": "0.1",
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 3.0,
    "ytick.major.size": 3.0,
    "grid.color": "0.9",
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.3,
    "lines.markersize": 4.0,
    "lines.markeredgewidth": 0.6,
    "patch.linewidth": 0.6,
    "errorbar.capsize": 0.0,
    "text.parse_math": False,  # names and titles may have dollar signs, which are no formula
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "coldstart",  # ids, and so bytes, are the same each time
    "pdf.fonttype": 42,
}

# Nothing that differs between two days or two machines: the same numbers give the same bytes.
_METADATA: Mapping[str, dict[str, Any]] = {
    ".svg": {"Date": None, "Creator": None},
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    ".png": {"Software": None},
}


@dataclass(frozen=True)
class Look:
    """The look of a sampler in every figure."""

    name: str
    colour: str
    marker: str


# Okabe and Ito's colours, which the colour-blind tell apart; one hue for each family of samplers.
_KNOWN = {
    "random": Look("Random", "#4D4D4D", "o"),
    "kmeans": Look("k-means", "#0072B2", "s"),
    "k-centre": Look("k-centre", "#56B4E9", "D"),
    "core-set": Look("Core-Set", "#332288", "p"),
    "loss-mean": Look("Loss mean", "#E69F00", "^"),
    "loss-var": Look("Loss variance", "#D55E00", "v"),
    "grad-mean": Look("Gradient mean", "#009E73", "<"),
    "grad-var": Look("Gradient variance", "#CC79A7", ">"),
    "max-herding": Look("MaxHerding", "#CC6677", "*"),
}
_NAMES = {sampler: look.name for sampler, look in _KNOWN.items()} | {
    "bald": "BALD",
    "centroid": "Centroid",
    "dropout-entropy": "DBAL",
    "ensemble-least-confidence": "Ensemble, least confidence",
    "ensemble-max-entropy": "Ensemble, maximum entropy",
    "ensemble-min-margin": "Ensemble, minimum margin",
    "ensemble-variation-ratio": "Ensemble, variation ratio",
    "clusters-equal": "Clusters, equal",
    "clusters-proportional": "Clusters, proportional",
    "class-mean-nearest": "Nearest to class mean",
    "facility-location": "Facility location",
    "grad-embedding-mean": "Embedding gradient mean",
    "grad-embedding-var": "Embedding gradient variance",
    "highest-loss": "Highest contrastive loss",
    "k-means-pp": "k-means++",
    "kmeans-equal": "k-means, equal",
    "kmeans-proportional": "k-means, proportional",
    "least-confidence": "Least confidence",
    "loss-bins-5": "Loss, 5 bins",
    "max-entropy": "Maximum entropy",
    "min-margin": "Minimum margin",
    "prob-cover": "ProbCover",
    "prob-cover-neighbours": "ProbCover, neighbours",
    "typiclust": "TypiClust",
    "vaal": "VAAL",
    "vae-loss": "VAE loss",
    "vaal-mnist": "VAAL",
    "vaal-tiny-imagenet": "VAAL",
    "weibull": "Weibull",
    "weibull-euclidean": "Weibull, Euclidean",
    "weibull-least-outlying": "Weibull, least outlying",
    "weibull-mixed-pool": "Weibull, tail of all labels",
}
_SPARE = (
    ("#332288", "p"),
    ("#882255", "h"),
    ("#999933", "P"),
    ("#44AA99", "X"),
    ("#AA4499", "d"),
    ("#117733", "H"),
)
LINES = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)))
"""Line styles that can be told apart."""
MARKERS = ("s", "^", "D", "v", "P", "X", "<", ">")
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#4D4D4D")
_WORDS = {
    "barlow": "Barlow",
    "byol": "BYOL",
    "cifar": "CIFAR",
    "dino": "DINO",
    "moby": "MoBY",
    "mobyv2al": "MoBYv2AL",
    "moco": "MoCo",
    "pca": "PCA",
    "resnet": "ResNet",
    "resnet18": "ResNet-18",
    "scan": "SCAN",
    "simclr": "SimCLR",
    "twins": "Twins",
    "vae": "VAE",
}


def looks(samplers: Iterable[str]) -> dict[str, Look]:
    """Name, colour and marker of each sampler.

    A sampler looks the same in every figure. Samplers without a look of their own take a spare one
    by a hash of their name, and the next one if it is taken in this figure. If there are more of
    them than spare looks, colours repeat with other markers.
    """
    found: dict[str, Look] = {}
    taken: list[int] = []
    for sampler in sorted(set(samplers)):
        if sampler in _KNOWN:
            found[sampler] = _KNOWN[sampler]
            continue
        at = int(hashlib.sha256(sampler.encode()).hexdigest(), 16) % len(_SPARE)
        rounds, used = divmod(len(taken), len(_SPARE))
        while at in taken[len(taken) - used :]:
            at = (at + 1) % len(_SPARE)
        taken.append(at)
        colour, marker = _SPARE[at]
        if rounds:
            marker = _SPARE[(at + rounds) % len(_SPARE)][1]
        found[sampler] = Look(sampler_name(sampler), colour, marker)
    return found


def sampler_name(sampler: str) -> str:
    """The display name of a sampler, after the run's title if ``sampler`` begins with one.

    A number after a known name is that of its passes or clusters.
    """
    title, _, last = sampler.rpartition(" ")
    if title:
        name = sampler_name(last)
        plain = name[1:] == name[1:].lower()  # no name of its own, such as TypiClust
        return f"{title} {name[0].lower() + name[1:] if plain else name}"
    base, _, number = sampler.rpartition("-")
    if number.isdigit() and base in _NAMES:
        return f"{_NAMES[base]} ({number})"
    return _NAMES.get(sampler, sampler)


def line_looks(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Colour and line style of each line, as keywords of ``plot``."""
    return {
        name: {
            "color": _COLOURS[at % len(_COLOURS)],
            "linestyle": LINES[at // len(_COLOURS) % len(LINES)],
            "linewidth": 1.0,
        }
        for at, name in enumerate(names)
    }


def run_looks(titles: Iterable[str]) -> dict[str, Look]:
    """Name, colour and marker of each run where its lines are told apart by colour.

    They go by the order of the titles, but for that of random labels, which look like the sampler.
    """
    others = [title for title in dict.fromkeys(titles) if title != _KNOWN["random"].name]
    found = {
        title: Look(title, _COLOURS[at % (len(_COLOURS) - 1)], MARKERS[at % len(MARKERS)])
        for at, title in enumerate(others)
    }
    return found | {_KNOWN["random"].name: _KNOWN["random"]}


def share_axis(axes: Axes, shares: NDArray[np.float64]) -> None:
    """A linear axis of labels in per cent of the training images.

    Args:
        axes: its x axis is changed.
        shares: float64 [n], ascending, in per cent.
    """
    room = 0.03 * (shares[-1] - shares[0]) or 1.0
    axes.set_xlim(shares[0] - room, shares[-1] + room)
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.set_xlabel("labels, % of images")


def hollow(marker: str, colour: str) -> dict[str, Any]:
    """Style of a published value: a larger, hollow marker above ours."""
    return {
        "linestyle": "none",
        "marker": marker,
        "markersize": 6.5,
        "markerfacecolor": "none",
        "markeredgecolor": colour,
        "markeredgewidth": 1.0,
        "zorder": 4,
    }


def run_titles(runs: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Display names of the runs of a figure: their titles, or else their first difference.

    The difference is the encoder, the pool or the run's name; a single run has an empty name.
    """
    own = {name: run["title"] for name, run in runs.items() if run.get("title") is not None}
    return _apart(runs) | own


def _apart(runs: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    if len(runs) == 1:
        return dict.fromkeys(runs, "")
    for key in ("encoder", "pool"):
        named = {run[key] for run in runs.values()}
        if len(named) == len(runs) and None not in named:
            return {name: _readable(run[key]) for name, run in runs.items()}
    return {name: _readable(name) for name in runs}


def metric_title(metric: str, label_name: str | None = None) -> str:
    """A metric in words, for an axis."""
    if metric == "average-precision":
        return (
            f"average precision of class {label_name}" if label_name else "mean average precision"
        )
    if metric == "inliers":
        return "share of the labels that are of a class"
    return f"{metric} accuracy" if metric.startswith("top-") else metric.replace("-", " ")


@contextmanager
def styled() -> Iterator[None]:
    """Context for drawing and saving: matplotlib's defaults and this style, not the user's."""
    with matplotlib.style.context(["default", _RC]):
        yield


def new_figure(title: str, height: float, width: float = WIDTH, below: int = 0) -> Figure:
    """A figure with its title, its size in inches, and so many empty lines below the title."""
    figure = Figure(figsize=(width, height), layout="constrained")
    text = textwrap.fill(title, round(12 * width)) + below * "\n "
    figure.suptitle(text, x=0.01, ha="left")
    return figure


def names_in_row(names: Iterable[str], width: float) -> int:
    """Return how many names of a legend fit beside each other in so many inches."""
    return max(1, int(width / (HANDLE + LETTER * max(map(len, names)))))


def add_legend_below_title(figure: Figure, entries: Mapping[str, Line2D]) -> None:
    """Write a legend into the empty lines that ``new_figure`` left below the title."""
    in_row = names_in_row(entries, figure.get_figwidth())
    rows = -(-len(entries) // in_row)
    title_lines = figure.get_suptitle().count("\n") + 1 - rows
    figure.legend(
        entries.values(),
        entries,
        loc="upper left",
        bbox_to_anchor=(0.008, 1 - TITLE_LINE * title_lines / figure.get_figheight()),
        ncols=in_row,
        borderaxespad=0.1,
        borderpad=0.1,
        columnspacing=1.2,
    ).set_in_layout(False)


def add_note(figure: Figure, text: str) -> None:
    """Write a note below the figure."""
    wrapped = textwrap.fill(text, round(18 * figure.get_figwidth()))
    figure.supxlabel(wrapped, x=0.01, ha="left", fontsize=NOTE_SIZE, color=GREY)


def budget_axis(axes: Axes, budgets: NDArray[np.int64]) -> None:
    """A logarithmic axis of numbers of labels, its ticks plain numbers.

    Args:
        axes: its x axis is changed.
        budgets: int64 [n], ascending; each has a tick if all of them fit.
    """
    axes.set_xscale("log")
    axes.set_xlim(budgets[0] / 1.12, budgets[-1] * 1.12)
    room = np.diff(np.log(budgets)) / np.log(1.12**2 * budgets[-1] / budgets[0])
    fit = room.min(initial=1.0) >= TICK_ROOM
    axes.xaxis.set_major_locator(
        FixedLocator(budgets.tolist()) if fit else LogLocator(subs=log_ticks(budgets), numticks=20)
    )
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_xlabel("number of labels")


def log_ticks(budgets: NDArray[np.int64], decades: float = DECADES) -> tuple[float, ...]:
    """Multiples of powers of ten that fit as ticks: one, two and five, or one alone.

    Args:
        budgets: ascending.
        decades: an axis over at most so many has room for all three.
    """
    wide = np.log10(budgets[-1] / budgets[0]) > decades
    return (1.0,) if wide else (1.0, 2.0, 5.0)


def named_ticks(names: Sequence[str]) -> tuple[list[int], list[str]]:
    """Places and names of at most ``MOST_TICKS`` of the names, evenly spaced from the first on."""
    every = -(-len(names) // MOST_TICKS)
    return list(range(0, len(names), every)), [shortened(name) for name in names[::every]]


def shortened(name: str) -> str:
    """The beginning of a name, of ``LONGEST`` characters at most."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


def thinned(count: int) -> str:
    """A sentence on the names that ``named_ticks`` leaves out of so many, or an empty text."""
    every = -(-count // MOST_TICKS)
    left = f" One class in {every} is named; the file of numbers has all {count:,}."
    return left if every > 1 else ""


def save(figure: Figure, path: Path) -> None:
    """Write a figure atomically, in the format of the path's suffix; PNG has 200 dots per inch."""
    with replacing(path) as draft:
        figure.savefig(draft, dpi=200, metadata=_METADATA[path.suffix])


def _readable(name: str) -> str:
    """``byol-resnet18`` as ``BYOL ResNet-18``."""
    return " ".join(_WORDS.get(word, word) for word in name.split("-"))
