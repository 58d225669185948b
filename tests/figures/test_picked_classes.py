import numpy as np
import pytest

from coldstart.config.recipes.figures.picked_classes import PickedClasses
from coldstart.figures import picked_classes
from coldstart.figures.style import styled

BARS = PickedClasses(kind="picked-classes", title="Classes", budget=10, style="bars")
CLASSES = ["cat", "dog", "frog"]
COUNTS = {"random": [(3, 4, 3), (4, 3, 3)], "core-set": [(0, 5, 5), (4, 1, 5)]}


def picked(studio, run, samplers, title=None, turn=1):
    studio.run(run, samplers, encoder=f"encoder-{run}", classes=CLASSES, title=title)
    rows = [
        (sampler, seed, budget, "picked", label, float(count * budget / 10))
        for sampler in samplers
        for seed in (0, 1)
        for budget in (10, 20)
        for label, count in enumerate(COUNTS[sampler][seed][::turn])
    ]
    return studio.metrics(run, 0, rows)


def test_each_sampler_of_each_run_has_a_histogram(studio):
    picked(studio, "mine", ["random", "core-set"], title="Mine")
    figure, numbers = picked_classes.draw(
        picked(studio, "other", ["random"], title="", turn=-1).shown(), BARS
    )
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in shown] == [
        "Mine, Random",
        "Mine, Core-Set",
        "Random",
    ]
    heights = [[bar.get_height() for bar in axes.patches] for axes in shown]
    assert heights == [[3.5, 3.5, 3.0], [2.0, 3.0, 5.0], [3.0, 3.5, 3.5]]
    assert numbers["mean"].tolist() == np.ravel(heights).tolist()
    assert [tick.get_text() for tick in shown[2].get_xticklabels()] == CLASSES
    for axes in shown:
        (even,) = axes.get_lines()
        assert set(even.get_ydata()) == {10 / 3}


def test_runs_have_colours_of_their_own_if_asked(studio):
    picked(studio, "mine", ["random"], title="Mine")
    shown = picked(studio, "other", ["random"], title="Other").shown()
    for series, colours in (("sampler", 1), ("run-and-sampler", 2)):
        figure, _ = picked_classes.draw(shown, BARS.model_copy(update={"series": series}))
        assert len({axes.patches[0].get_facecolor() for axes in figure.axes}) == colours
        titles = [axes.get_title(loc="left") for axes in figure.axes]
        assert titles == ["Mine, Random", "Other, Random"]


def test_error_bars_are_one_standard_deviation_and_stop_at_zero(studio):
    figure, _ = picked_classes.draw(picked(studio, "main", ["core-set"]).shown(), BARS)
    (lines,) = figure.axes[0].collections
    ends = [segment[:, 1].tolist() for segment in lines.get_segments()]
    sd = np.std([0, 4], ddof=1)
    expected = [[0, 2 + sd], [3 - sd, 3 + sd], [5, 5]]
    assert np.array(ends) == pytest.approx(np.array(expected))
    studio.run("main", ["core-set"], classes=CLASSES)
    del studio.keys["metrics/main/0"]
    rows = [("core-set", 0, 10, "picked", label, 1.0) for label in range(3)]
    figure, _ = picked_classes.draw(studio.metrics("main", 1, rows).shown(), BARS)
    assert len(figure.axes[0].collections) == 0


def test_names_of_classes_do_not_overlap(studio):
    picked(studio, "mine", ["random", "core-set"], title="Mine")
    picked(studio, "other", ["random"])
    for run in studio.runs.values():
        run["classes"] = ["automobile", "airplane", "a long name"]
    with styled():
        figure, _ = picked_classes.draw(studio.shown(), BARS)
        figure.draw_without_rendering()
        shown = [axes for axes in figure.axes if axes.get_visible()]
        assert len(shown) == 3
        for axes in shown:
            box = axes.get_tightbbox()
            others = [other.get_tightbbox() for other in shown if other is not axes]
            assert not any(box.overlaps(other) for other in others)
            assert box.y0 >= figure._supxlabel.get_window_extent().y1
