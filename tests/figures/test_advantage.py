import numpy as np
import pytest
from scipy.stats import ttest_1samp, ttest_rel

from coldstart.config.recipes.figures.advantage import Advantage
from coldstart.figures import advantage
from coldstart.figures.style import styled
from coldstart.statistics.pairs import paired_t

TARGET = Advantage(kind="advantage", title="Advantage", baseline="Random")
BUDGETS = (10, 20, 30)
NOISE = {"Random": (0.0, 0.01, 0.02, 0.03), "VAE": (0.03, 0.01, 0.0, 0.02)}
GAINS = {"Random": (0, 0, 0), "VAE": (-0.1, 0.0, 0.1)}


@pytest.fixture
def pools(studio):
    """On one set VAE starts ten points below and ends ten above; on the other it is as Random."""
    for pool, gain in (("mnist", 1), ("svhn", 0)):
        for title, noise in NOISE.items():
            run = f"{pool}-{title.lower()}"
            studio.run(run, ["random", "core-set"], pool=pool, title=title)
            rows = [
                (
                    sampler,
                    trial,
                    budget,
                    "top-1",
                    None,
                    0.5 + added * gain + more + at * later / 100,
                )
                for later, (budget, added) in enumerate(zip(BUDGETS, GAINS[title], strict=True))
                for at, sampler in enumerate(studio.runs[run]["samplers"])
                for trial, more in enumerate(noise)
            ]
            studio.metrics(run, 0, rows)
    return studio


def test_ends_have_means_intervals_and_tests_over_pairs_of_trials(pools):
    table = advantage.tabulate(pools.shown(), TARGET).set_index(["pool", "sampler"])
    row = table.loc["mnist", "core-set"]
    noise = np.subtract(NOISE["VAE"], NOISE["Random"])
    for end, budget, gain in (("first", 10, -0.1), ("last", 30, 0.1)):
        test = ttest_1samp(noise + gain, 0)
        low, high = test.confidence_interval()
        assert row[f"{end}_budget"] == budget
        assert row[end] == pytest.approx(noise.mean() + gain)
        assert (row[f"{end}_low"], row[f"{end}_high"]) == pytest.approx((low, high))
        assert row[f"{end}_p"] == pytest.approx(test.pvalue)
    assert (row["run"], row["baseline"], row["pairs"]) == ("VAE", "Random", 4)


def test_comparisons_that_share_their_models_count_once_in_the_correction(pools):
    table = advantage.tabulate(pools.shown(), TARGET)
    mnist = table[table["pool"] == "mnist"]
    # At first both samplers of a set share their models: two comparisons, and four at last.
    assert mnist["first_p_holm"].tolist() == pytest.approx((2 * mnist["first_p"]).tolist())
    assert mnist["last_p_holm"].iloc[0] == pytest.approx(4 * mnist["last_p"].iloc[0])


def test_an_advantage_lasts_until_its_interval_holds_nought(pools):
    table = advantage.tabulate(pools.shown(), TARGET).set_index(["pool", "sampler"])
    assert table.loc[("mnist", "random"), "lasts_until"] == 20
    assert table.loc[("svhn", "random"), "lasts_until"] == 10


def test_two_trials_give_no_interval_and_no_end(studio):
    for title in NOISE:
        studio.run(title.lower(), ["random"], title=title)
        rows = [
            ("random", trial, budget, "top-1", None, 0.5 + (title == "VAE") * (0.1 + trial / 50))
            for trial in range(2)
            for budget in BUDGETS
        ]
        studio.metrics(title.lower(), 0, rows)
    (row,) = advantage.tabulate(studio.shown(), TARGET).to_dict("records")
    assert np.isnan(row["first_low"])
    assert row["lasts_until"] != row["lasts_until"] or row["lasts_until"] is not row["first_budget"]


def test_figure_has_a_panel_for_each_pool_and_sampler(pools):
    with styled():
        figure, numbers = advantage.draw(pools.shown(), TARGET)
    titles = [axes.get_title(loc="left") for axes in figure.axes if axes.get_visible()]
    assert titles == ["mnist\nRandom", "mnist\nCore-Set", "svhn\nRandom", "svhn\nCore-Set"]
    assert len(numbers) == 12
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["VAE"]


@pytest.mark.parametrize("values", [(0.1, 0.3, 0.2), (-0.1, 0.1), (0.0, 0.0, 0.4)])
def test_paired_t_is_that_of_scipy(values):
    found = paired_t(np.array(values))
    assert found == pytest.approx(ttest_rel(values, np.zeros(len(values))).pvalue)


def test_paired_t_of_equal_differences():
    assert paired_t(np.zeros(3)) == 1
    assert paired_t(np.full(3, 0.5)) == 0
    assert np.isnan(paired_t(np.ones(1)))
