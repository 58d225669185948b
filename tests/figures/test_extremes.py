"""Every kind of figure with few and many classes, samplers and numbers of labels.

Names that stand along an axis, and the entries of a legend, must not overlap or leave the figure.
``COLDSTART_PICTURES`` names a folder to look at the figures in.
"""

import importlib
import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from coldstart.config.recipes.targets import FIGURES
from coldstart.embeddings.tables import write_embeddings
from coldstart.figures import embedding_map, picked_classes
from coldstart.figures.style import save, styled

KNOWN = ["random", "kmeans", "k-centre", "loss-mean", "typiclust", "prob-cover"]
FEW, MANY = ["random"], [*KNOWN, *(f"a-sampler-of-my-own-{n}" for n in range(14))]
MORE = [f"sampler-number-{n}" for n in range(45)]
BUDGETS = {3: [10, 20, 40], 300: [int(b) for b in np.unique(np.geomspace(5, 60000, 420).round())]}
BUDGETS[300] = BUDGETS[300][:300]


def class_names(count):
    """Words of different lengths, or digits where there are ten."""
    if count == 10:
        return [str(n) for n in range(10)]
    words = ["apple", "aquarium fish", "bear", "bowl", "lawn mower", "oak", "pickup truck", "wolf"]
    return [words[n % len(words)] + (f" {n // len(words)}" if n >= 8 else "") for n in range(count)]


def top_1(samplers, budgets, draws=2):
    rng = np.random.default_rng(0)
    return [
        (s, draw, budget, "top-1", None, 0.1 + 0.1 * np.log10(budget) + 0.003 * at + noise)
        for at, s in enumerate(samplers)
        for draw in range(draws)
        for budget, noise in zip(budgets, rng.normal(0, 0.01, len(budgets)), strict=True)
    ]


def compared(studio, classes, samplers, budgets):
    names = {1: FEW, 2: MANY[:2], 20: MANY, 45: MORE}[samplers]
    studio.run("main", names, classes=class_names(classes))
    return studio.metrics("main", 0, top_1(names, BUDGETS[budgets]))


def picked(studio, classes, samplers, budgets):
    rng = np.random.default_rng(0)
    names = MANY[:samplers]
    studio.run("main", names, classes=class_names(classes))
    shares = rng.dirichlet(np.ones(classes))
    rows = [
        (s, draw, 2 * classes, "picked", label, count)
        for s in names
        for draw in range(2)
        for label, count in enumerate(rng.multinomial(2 * classes, shares))
    ]
    return studio.metrics("main", 0, rows)


def pictured(studio, classes, samplers, budgets):
    """Images, labels, embeddings and picks, of more candidates than a map has room for."""
    rng = np.random.default_rng(0)
    count = max(120, 2 * classes)
    names = MANY[:samplers]
    studio.run("main", names, classes=class_names(classes), dataset="a set", digest="as published")
    labels = np.arange(count) % classes
    images = rng.integers(0, 255, (count, 8, 8, 3), dtype=np.uint8)

    def write(out):
        np.save(out / "images.npy", images)
        pd.DataFrame({"id": np.arange(count)}).to_parquet(out / "items.parquet", index=False)

    studio._publish("images/main", write)
    studio.labels("main", labels)
    centres = rng.normal(size=(classes, 8))
    embeddings = (4 * centres[labels] + rng.normal(size=(count, 8))).astype(np.float32)
    studio.embeddings("main", 0, np.arange(count), ["candidates"] * count, embeddings)
    for s in names:
        studio.selection("main", 0, s, rng.permutation(count), [20])
    splits = np.array(["unlabeled", "candidates", "test"])[np.arange(count) % 3]
    table = pd.DataFrame({"id": np.arange(count), "split": splits})
    studio._publish("index/main", lambda out: table.to_parquet(out / "index.parquet", index=False))
    return studio


def trained(studio, classes, samplers, budgets):
    """As many runs as samplers, as many epochs as numbers of labels."""
    for n in range(samplers):
        run = f"encoder-{n}"
        studio.run(run, ["random"], encoder=run, title=f"Method number {n}")
        epochs = np.arange(1, budgets + 1)
        level = np.log(epochs + 1) * (1 + n / 10)
        spread = {"embedding_std": level, "effective_rank": level}
        history = pd.DataFrame({"epoch": epochs, "loss": 5 / level, "lr": 1 / epochs, **spread})
        probes = pd.concat(
            [pd.DataFrame({"epoch": epochs, "metric": m, "value": level / 9})
             for m in ("knn", "linear", "effective-rank")]
        ).astype({"epoch": "Int64"})  # fmt: skip
        for name, frame, file in (("histories", history, "history"), ("probes", probes, "probes")):
            studio._publish(
                f"{name}/{run}/0",
                lambda out, t=frame, f=file: t.to_parquet(out / f"{f}.parquet", index=False),
            )
    return studio


def clustered(studio, classes, samplers, budgets):
    rng = np.random.default_rng(0)
    for n in range(samplers):
        run = f"encoder-{n}"
        studio.run(run, ["random"], encoder=run, classes=class_names(classes))
        labels = np.arange(3 * classes) % classes
        odds = rng.dirichlet(np.ones(classes), size=len(labels)).astype(np.float32)
        studio.labels(run, labels)

        ids = np.arange(len(labels))

        def write(out, ids=ids, odds=odds):
            write_embeddings(out / "embeddings.parquet", ids, ["candidates"] * len(ids), odds)

        studio._publish(f"clusters/{run}/0", write)
    return studio


CASES = [
    *(
        (kind, {}, compared, (10, samplers, budgets))
        for kind in ("budget-curve", "budget-area")
        for samplers in (1, 20)
        for budgets in (3, 300)
    ),
    ("budget-curve", {"style": "scatter"}, compared, (10, 20, 300)),
    *(
        (kind, {}, compared, (10, samplers, budgets))
        for kind in ("average-rank", "critical-difference", "penalty-matrix")
        for samplers in (2, 20)
        for budgets in (3, 300)
    ),
    ("critical-difference", {"test": "nemenyi"}, compared, (10, 20, 3)),
    ("budget-curve", {}, compared, (10, 45, 3)),
    ("penalty-matrix", {}, compared, (10, 45, 3)),
    *(
        ("paired-differences", {"baseline": "random"}, compared, (10, samplers, budgets))
        for samplers in (2, 20)
        for budgets in (3, 300)
    ),
    *(
        ("picked-classes", {"budget": 2 * classes, "style": style}, picked, (classes, samplers, 3))
        for style, classes, samplers in (
            *(("heat-map", classes, 20) for classes in (2, 10, 100, 1000)),
            *(("heat-map", classes, 1) for classes in (2, 100, 1000)),
            *(("bars", classes, 1) for classes in (2, 1000)),
            *(("bars", classes, 20) for classes in (10, 100)),
        )
    ),
    *(
        ("embedding-map", {"budget": 20}, pictured, (classes, samplers, 3))
        for classes in (2, 10, 100, 1000)
        for samplers in (1, 20)
    ),
    *(("contact-sheet", {"count": 20}, pictured, (10, samplers, 3)) for samplers in (1, 20)),
    ("image-grid", {"count": 20}, pictured, (10, 1, 3)),
    *(("data-sheet", {}, pictured, (classes, 1, 3)) for classes in (2, 10, 100, 1000)),
    *(
        (kind, {}, trained, (10, samplers, budgets))
        for kind in ("training-curves", "ssl-quality")
        for samplers in (1, 20)
        for budgets in (3, 300)
    ),
    *(
        ("clusters", {}, clustered, (classes, samplers, 3))
        for classes, samplers in ((2, 1), (100, 20), (1000, 3))
    ),
]


def named(case):
    kind, settings, _, sizes = case
    words = [value for value in settings.values() if isinstance(value, str)]
    return "-".join([kind, *words, *map(str, sizes)])


@pytest.fixture(autouse=True)
def quick_layout(monkeypatch):
    """Any layout will do."""
    monkeypatch.setattr(embedding_map, "MOST_POINTS", 1500)
    monkeypatch.setattr(embedding_map, "lay_out", lambda embeddings, _: embeddings[:, :2].copy())


def boxes(texts, renderer):
    shown = [text for text in texts if text.get_visible() and text.get_text().strip()]
    return [(text.get_text(), text.get_window_extent(renderer)) for text in shown]


def overlaps(found):
    """Pairs of neighbouring texts of which one covers a fifth or more of the other."""
    bad = []
    for (one, a), (other, b) in pairwise(found):
        width = min(a.x1, b.x1) - max(a.x0, b.x0)
        height = min(a.y1, b.y1) - max(a.y0, b.y0)
        least = min(a.width * a.height, b.width * b.height)
        if width > 0 and height > 0 and width * height > 0.2 * least:
            bad.append((one, other))
    return bad


def test_very_long_names_are_shortened(studio):
    name = "A class whose name is a whole sentence that somebody wrote"
    rows = [("random", draw, 8, "picked", label, 2) for draw in (0, 1) for label in range(4)]
    studio.run("main", ["random"], classes=[f"{n} {name}" for n in range(4)])
    target = FIGURES.adapter().validate_python(
        {"kind": "picked-classes", "title": "A title", "budget": 8}
    )
    figure, numbers = picked_classes.draw(studio.metrics("main", 0, rows).shown(), target)
    assert numbers["class"].tolist() == [f"{n} {name}" for n in range(4)]
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert labels == [f"{n} A class whose name is…" for n in range(4)]


def slanted_apart(texts, renderer):
    """Slanted names: their feet must be a line's height apart."""
    feet = [text.get_window_extent(renderer).x1 for text in texts if text.get_text().strip()]
    size = max((text.get_fontsize() for text in texts), default=0) * renderer.dpi / 72
    return all(abs(b - a) > 0.75 * size for a, b in pairwise(feet))


@pytest.mark.parametrize("case", CASES, ids=named)
def test_names_neither_overlap_nor_leave_the_figure(studio, case):
    kind, settings, make, sizes = case
    target = FIGURES.adapter().validate_python({"kind": kind, "title": "A title", **settings})
    make(studio, *sizes)
    with styled():
        figure, _ = importlib.import_module("coldstart.figures." + kind.replace("-", "_")).draw(
            studio.shown(), target
        )
        if "COLDSTART_PICTURES" in os.environ:
            folder = Path(os.environ["COLDSTART_PICTURES"])
            folder.mkdir(exist_ok=True)
            save(figure, folder / f"{named(case)}.png")
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        renderer = canvas.get_renderer()
    width, height = figure.get_size_inches()
    assert width <= 7
    assert height <= 24
    frame = figure.bbox
    for axes in figure.axes:
        if not axes.get_visible() or not axes.axison:
            continue
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            ticks = zip(axis.get_majorticklocs(), axis.get_ticklabels(), strict=False)
            texts = [label for place, label in ticks if low <= place <= high]
            if texts and texts[0].get_rotation() not in (0, 90):
                assert slanted_apart(texts, renderer)
            else:
                assert overlaps(boxes(texts, renderer)) == []
    legends = [*figure.legends, *(a.get_legend() for a in figure.axes if a.get_legend())]
    for legend in legends:
        assert overlaps(boxes(legend.get_texts(), renderer)) == []
        box = legend.get_window_extent(renderer)
        assert box.x0 > frame.x0 - 2
        assert box.x1 < frame.x1 + 2
        assert box.y0 > frame.y0 - 2
        assert box.y1 < frame.y1 + 2
    # Ticks beyond the ends of an axis have labels that are not drawn.
    apart = [text for axes in figure.axes for text in (*axes.texts, axes._left_title, axes.title)]
    for text, box in boxes(apart, renderer):
        assert box.x1 < frame.x1 + 8, text
        assert box.x0 > frame.x0 - 8, text
