"""The candidates' embeddings in two dimensions, with each sampler's picks marked."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.figures.embedding_map import EmbeddingMap
from coldstart.data.unclassed import OUTLIER
from coldstart.embeddings.clusters import cluster
from coldstart.figures.data import CLASSLESS, Shown
from coldstart.figures.style import (
    NOTE_SIZE,
    WIDE,
    add_note,
    looks,
    new_figure,
    run_titles,
    shortened,
)

MOST_POINTS = 5000
"""More candidates than this are thinned out evenly; picks are always laid out."""
MOST_SHAPES = 1000
"""With more points than this, candidates are rasterised in SVG and PDF."""
PANELS = 4
"""Panels in a row."""
MOST_NAMED = 10
"""With more classes than this, candidates are grey and all picks have one colour."""
NUMBERED = 10
"""In a single panel, the first picks have their ranks beside them."""
ALONE = 4.2
"""Inches of the side of a single panel."""
LEGEND = 1.3
"""Inches of the legend beside it."""
STRONG = (
    *("#4E79A7", "#F28E2B", "#59A14F", "#B6992D", "#499894"),
    *("#E15759", "#79706E", "#D37295", "#B07AA1", "#9D7660"),
)
LIGHT = (
    *("#A0CBE8", "#FFBE7D", "#8CD17D", "#F1CE63", "#86BCB6"),
    *("#FF9D9A", "#BAB0AC", "#FABFD2", "#D4A6C8", "#D7B5A6"),
)
"""Tableau's pairs of colours: the picks of a class, and its candidates."""
MANY = ("0.78", "#4E79A7")
"""Colours of candidates and picks if there are more than ``MOST_NAMED`` classes."""


def draw(shown: Shown, target: EmbeddingMap) -> tuple[Figure, pd.DataFrame]:
    """A panel per run and sampler, all of a run with one layout: the first encoder seed's.

    Images of a data set without classes have the colours of k-means clusters of all candidates.

    Returns:
        The figure and run, encoder_seed, sampler, id, label, class, x, y and rank (from 1, among
        the picks of trial 0; missing where the candidate was not picked); where images had a
        label before, also labelled.

    Raises:
        ColdstartError: no run has picks at this budget.
    """
    picks = shown.selections if target.asked_by is None else shown.cycles
    picks = picks[(picks["budget"] == target.budget) & (picks["trial"] == 0)]
    if target.asked_by is not None:
        picks = picks[picks["rank"] >= _first_budget(shown, picks["run"])]
    elif picks.empty:
        there = ", ".join(map(str, sorted(shown.selections["budget"].unique())))
        raise ColdstartError(
            f"the figure shows the picks for {target.budget} labels, but its runs have {there}; "
            "name one of these as its `budget`"
        )
    numbers = pd.concat(_all_points(shown, picks, target)).reset_index(drop=True)
    titles = run_titles(shown.runs)
    look = looks(numbers["sampler"])
    panels = [
        (f"{titles[str(run)]}\n{look[str(sampler)].name}".strip(), table)
        for (run, sampler), table in numbers.groupby(["run", "sampler"], sort=False)
    ]
    columns = min(PANELS, len(panels))
    rows = math.ceil(len(panels) / columns)
    alone = len(panels) == 1
    side = ALONE if alone else WIDE / PANELS
    width = ALONE + LEGEND if alone else max(4.0, side * columns)
    figure = new_figure(target.title, side * rows + 0.7, width)
    grid = figure.subplots(rows, columns, squeeze=False).reshape(-1)
    named = dict.fromkeys(name for run in shown.runs for name in shown.class_names(run))
    found = numbers.drop_duplicates("class").sort_values("label")["class"]
    classes = list(named | dict.fromkeys(found))  # clusters, and those of no class, come last
    for axes, (title, table) in zip(grid, panels, strict=False):
        _panel(axes, table, classes, alone)
        axes.set_title(title)
    for axes in grid[len(panels) :]:
        axes.axis("off")
    coloured = len(classes) <= MOST_NAMED
    if coloured:
        free = list(grid[columns - 1 :])
        marks = "labelled" in numbers
        _add_legend(free, len(panels) - columns + 1, classes, bool(named), marks)
    shown_picks = int(numbers.groupby(["run", "sampler"])["rank"].count().max())
    kind = "class" if named else "cluster"
    by = f" by {kind}" if coloured else f" of {len(classes):,} classes, too many for colours"
    drawn = _drawn(shown, numbers, target)
    whose = "the candidates" if target.asked_by is None else "the learner's embeddings"
    note = (
        f"t-SNE of {whose} (first encoder seed). Dots: {drawn}{by}; "
        f"outlined: the {shown_picks:,} picked (trial 0)."
    )
    if any(not table[["x", "y"]].to_numpy().any() for _, table in panels):
        note += " Where all lie at one point, their embeddings are all the same."
    add_note(figure, note)
    return figure, numbers


def _drawn(shown: Shown, numbers: pd.DataFrame, target: EmbeddingMap) -> str:
    """Describe the dots: all candidates, or a subset and its size."""
    drawn = numbers.drop_duplicates(["run", "id"]).groupby("run", sort=False).size()
    seeds = numbers.groupby("run", sort=False)["encoder_seed"].first()
    laid_out_by = {run: target.embeddings_of or str(run) for run in seeds.index}
    there = [len(shown.embeddings(laid_out_by[run], int(seed))[0]) for run, seed in seeds.items()]
    if drawn.tolist() == there:
        return "candidates"
    few, many = (f"{min(n):,}" if len(set(n)) == 1 else "some" for n in (drawn.tolist(), there))
    return (
        f"{few} of {many} candidates, evenly spread, and all picks,"
        if few != "some"
        else ("an even spread of the candidates, and all picks,")
    )


def lay_out(embeddings: NDArray[np.float32], perplexity: float) -> NDArray[np.float32]:
    """t-SNE (van der Maaten & Hinton, 2008) from the first two principal components.

    Args:
        embeddings: float32 [n, dim].
        perplexity: lowered to a third of the number of points if it is larger.

    Returns:
        float32 [n, 2]; zeros where all embeddings are the same.
    """
    from sklearn.manifold import TSNE

    # scikit-learn divides by the spread of the components, and crashes (SIGSEGV) if it is zero.
    if not np.ptp(embeddings, axis=0).any():
        return np.zeros((len(embeddings), 2), dtype=np.float32)
    fitting = min(perplexity, (len(embeddings) - 1) / 3)
    # Sums over threads depend on their number, and with them the place of every point.
    with threadpool_limits(limits=1):
        layout: NDArray[np.float32] = TSNE(
            perplexity=fitting, init="pca", random_state=0
        ).fit_transform(embeddings)
    return layout


def spread(ids: NDArray[np.int64], picked: NDArray[np.int64], most: int) -> NDArray[np.intp]:
    """Positions, ascending, of the candidates to lay out: all, or the picks and an even subset.

    Args:
        ids: int64 [n].
        picked: ids that must be among them.
        most: size of the subset, which is taken if there are more candidates.
    """
    if len(ids) <= most:
        return np.arange(len(ids))
    even = np.linspace(0, len(ids) - 1, most).round().astype(np.intp)
    return np.union1d(even, np.flatnonzero(np.isin(ids, picked)))


def _all_points(shown: Shown, picks: pd.DataFrame, target: EmbeddingMap) -> Iterator[pd.DataFrame]:
    """The images that are laid out, for each run and sampler."""
    seeds = picks.groupby("run", sort=False)["encoder_seed"].transform("first")
    picks = picks[picks["encoder_seed"] == seeds]
    if target.embeddings_of is None:
        for run, table in picks.groupby("run", sort=False):
            yield from _pictured(_points(shown, str(run), table, target), table)
        return
    points = _points(shown, target.embeddings_of, picks, target)
    for _, table in picks.groupby("run", sort=False):
        yield from _pictured(points, table)


def _points(shown: Shown, run: str, picks: pd.DataFrame, target: EmbeddingMap) -> pd.DataFrame:
    """The images of a run that are laid out: candidates, and the picks among them."""
    ids, embeddings = shown.embeddings(run, int(picks["encoder_seed"].iloc[0]))
    kept = spread(ids, picks["id"].to_numpy(), MOST_POINTS)
    layout = lay_out(embeddings[kept], target.perplexity)
    classes = shown.class_names(run)
    if classes:
        labels = shown.labels(run, ids[kept])
        names = np.array([*classes, CLASSLESS[OUTLIER]], dtype=object)[labels]
    else:
        labels = cluster(embeddings)[kept]
        names = np.array([f"cluster {number}" for number in labels], dtype=object)
    points = pd.DataFrame(
        {
            "id": ids[kept],
            "label": labels,
            "class": names,
            "x": layout[:, 0],
            "y": layout[:, 1],
        }
    )
    labelled = shown.labelled(run)
    if target.asked_by is not None:
        first = shown.cycles[(shown.cycles["run"] == run) & (shown.cycles["trial"] == 0)]
        labelled = first.loc[first["rank"] < _first_budget(shown, first["run"]), "id"].to_numpy()
    if len(labelled):
        points["labelled"] = np.isin(points["id"], labelled)
    return points


def _first_budget(shown: Shown, runs: pd.Series) -> pd.Series:
    """The first budget of each row's run, whose labels all queried samplers share."""
    return runs.map(shown.cycles.groupby("run")["budget"].min())


def _pictured(points: pd.DataFrame, picks: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """The images that are laid out with the ranks of each sampler of a run."""
    for _, table in picks.groupby("sampler", sort=False):
        ranks = table.set_index("id")["rank"] + 1
        pictured = points.assign(rank=points["id"].map(ranks).astype("Int64"))
        for at, column in enumerate(("run", "encoder_seed", "sampler")):
            pictured.insert(at, column, table[column].iloc[0])
        yield pictured


def _panel(axes: Axes, table: pd.DataFrame, classes: Sequence[str], alone: bool) -> None:
    number = {name: at % len(LIGHT) for at, name in enumerate(classes)}
    coloured = len(classes) <= MOST_NAMED
    light = [LIGHT[number[name]] if coloured else MANY[0] for name in table["class"]]
    size = min(9.0, (9000 if alone else 3000) / len(table))
    # As shapes, so many points in each panel would make a file that viewers are slow to show.
    dense = len(table) > MOST_SHAPES
    axes.scatter(table["x"], table["y"], s=size, c=light, linewidths=0, alpha=0.7, rasterized=dense)
    picked = table[table["rank"].notna()]
    strong = [STRONG[number[name]] if coloured else MANY[1] for name in picked["class"]]
    size = min(13.0, 1200 / max(1, len(picked)))
    axes.scatter(picked["x"], picked["y"], s=size, c=strong, linewidths=0.6, edgecolors="0.1")
    if "labelled" in table:
        known = table[table["labelled"].eq(True)]
        axes.scatter(known["x"], known["y"], s=12, c="0.1", marker="x", linewidths=0.7)
    for _, pick in picked[picked["rank"] <= NUMBERED * alone].iterrows():
        axes.annotate(
            str(pick["rank"]), (pick["x"], pick["y"]), (3, 3), textcoords="offset points",
            fontsize=NOTE_SIZE,
        )  # fmt: skip
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_box_aspect(1)
    for spine in axes.spines.values():
        spine.set(visible=True, color="0.8")


def _add_legend(
    grid: Sequence[Axes], empty: int, classes: Sequence[str], named: bool, marks: bool
) -> None:
    """In the empty panel, or beside the last of the first row, with which ``grid`` begins."""
    handles = [
        Line2D([], [], linestyle="none", marker="o", color=STRONG[at], label=shortened(name))
        for at, name in enumerate(classes)
    ]
    if marks:
        label = "has a label"
        handles.append(Line2D([], [], linestyle="none", marker="x", color="0.1", label=label))
    if empty < len(grid):
        legend = grid[empty].legend(handles=handles, loc="upper left", ncols=2)
    else:
        legend = grid[0].legend(handles=handles, loc="upper left", bbox_to_anchor=(1.01, 1.02))
    if named:
        legend.set_title("class")
    legend.set_alignment("left")
