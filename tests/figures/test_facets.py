"""Curves in several panels: one for each sampler, run or pool."""

import numpy as np
import pytest

from coldstart.config.recipes.figures.budget_curve import BudgetCurve
from coldstart.figures import budget_curve
from coldstart.figures.style import styled

BUDGETS = (10, 20, 40)
POOLS = {"Random": 0.4, "SimCLR": 0.5, "VAE": 0.3}
QUERIED = ["random", "max-entropy", "core-set"]


@pytest.fixture
def pools(studio):
    """Three initial pools on two sets, and beside each run one of a query with its own network."""
    for name, training in (("mnist", 400), ("cifar10", 100)):
        for title, level in POOLS.items():
            of_run = {f"{name}-{title.lower()}": QUERIED}
            of_run[f"{name}-{title.lower()}-dropout"] = ["dropout-entropy"]
            for run, samplers in of_run.items():
                studio.run(run, samplers, pool=name, title=title, training_images=training)
                rows = [
                    (sampler, trial, budget, "top-1", None, level + at / 10 + trial / 50)
                    for at, sampler in enumerate(samplers)
                    for trial in range(3)
                    for budget in BUDGETS
                ]
                studio.metrics(run, 0, rows)
    return studio


def drawn(studio, runs, **settings):
    studio.runs = {name: studio.runs[name] for name in studio.runs if name.startswith(runs)}
    studio.keys = {
        name: key for name, key in studio.keys.items() if name.split("/")[1] in studio.runs
    }
    target = BudgetCurve(kind="budget-curve", title="Curves", **settings)
    with styled():
        figure, numbers = budget_curve.draw(studio.shown(), target)
        figure.draw_without_rendering()
    return figure, numbers


def panels(figure):
    """Title of each visible panel, and its lines: x, y and colour."""
    return {
        axes.get_title(loc="left"): [
            (line.get_xdata().tolist(), line.get_ydata()[0], line.get_color())
            for line in axes.get_lines()
        ]
        for axes in figure.axes
        if axes.get_visible()
    }


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_a_panel_for_each_sampler_has_a_line_for_each_title(pools):
    figure, _ = drawn(pools, "mnist", facet="sampler")
    found = panels(figure)
    assert list(found) == ["Random", "Maximum entropy", "Core-Set", "DBAL"]
    assert legend(figure) == list(POOLS)
    starts = {title: [round(y, 3) for _, y, _ in lines] for title, lines in found.items()}
    assert starts["Maximum entropy"] == [0.52, 0.62, 0.42]
    assert starts["DBAL"] == [0.42, 0.52, 0.32]
    colours = [[colour for *_, colour in lines] for lines in found.values()]
    assert all(row == colours[0] for row in colours)
    assert len(set(colours[0])) == 3


def test_a_panel_for_each_run_has_a_line_for_each_sampler(pools):
    figure, _ = drawn(pools, "mnist-vae", facet="run")
    assert {title: len(lines) for title, lines in panels(figure).items()} == {"VAE": 4}
    figure, _ = drawn(pools, "mnist-vae-dropout", facet="run")
    assert {title: len(lines) for title, lines in panels(figure).items()} == {"VAE": 1}


def test_a_panel_for_each_pool_has_an_axis_of_its_own(pools):
    figure, _ = drawn(pools, "", facet="pool", series="run-and-sampler", axis="per-cent")
    found = panels(figure)
    assert list(found) == ["mnist", "cifar10"]
    assert [lines[0][0] for lines in found.values()] == [[2.5, 5, 10], [10, 20, 40]]
    assert all(len(lines) == 12 for lines in found.values())


def test_no_panel_is_cut_to_the_values_of_another(pools):
    figure, numbers = drawn(pools, "mnist", facet="sampler")
    low, high = figure.axes[0].get_ylim()
    assert low < numbers["low"].min()
    assert high > numbers["high"].max()


def test_shares_are_of_the_images_of_each_runs_own_pool(pools):
    _, numbers = drawn(pools, "", facet="sampler", axis="per-cent")
    whole = np.where(numbers["pool"] == "mnist", 400, 100)
    assert (numbers["per_cent"] == 100 * numbers["budget"] / whole).all()


def test_panels_have_one_scale_and_a_legend_that_hides_no_panel(pools):
    figure, _ = drawn(pools, "mnist", facet="sampler")
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert len({axes.get_ylim() for axes in shown}) == 1
    box = figure.legends[0].get_window_extent()
    assert not any(box.overlaps(axes.get_tightbbox()) for axes in shown)
