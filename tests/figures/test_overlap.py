import numpy as np
import pytest

from coldstart.config.recipes.figures.overlap import Overlap
from coldstart.figures import overlap
from coldstart.figures.style import styled

TARGET = Overlap(kind="overlap", title="Overlap", budgets=[10])


CYCLES = TARGET.model_copy(update={"of": "cycles", "budgets": None})


@pytest.fixture
def pools(studio):
    """Two initial pools, of which one draws nothing, and a query that starts from the first."""
    studio.run("random", ["random", "max-entropy"], title="Random")
    studio.run("vae", ["loss-mean"], title="VAE")
    studio.selection("random", 0, "random", np.arange(100), [10], trials=2)
    studio.selection("vae", 0, "loss-mean", np.arange(5, 100), [10])
    for trial in range(2):
        first = np.arange(trial, trial + 10)
        for budget, new in ((10, []), (20, np.arange(50 + 5 * trial, 60 + 5 * trial))):
            ids = np.concatenate([first, new]).astype(int)
            studio.cycle("random", 0, "max-entropy", trial, budget, ids)
    return studio


def shares(numbers):
    return {
        (row.first, row.second): (row.overlap, row.n, row.expected) for row in numbers.itertuples()
    }


def test_trials_pair_and_one_that_draws_nothing_pairs_with_each(pools):
    found = shares(overlap.tabulate(pools.shown(), TARGET))
    names = {"Random Random", "VAE Loss mean", "Random Maximum entropy"}
    assert {name for pair in found for name in pair} == names
    # Picks 0 to 9 and 1 to 10 share five and six of ten with 5 to 14.
    assert found["Random Random", "VAE Loss mean"] == (pytest.approx(0.55), 2, 10 / 400)
    assert found["Random Random", "Random Random"] == (1.0, 2, 1.0)


def test_samplers_with_like_clusters_are_compared_between_trials(studio):
    """In one trial both draw the same images from the same clusters, which says nothing."""
    for run in ("scan", "kmeans"):
        studio.run(run, ["kmeans"], title=run)
        studio.selection(run, 0, "kmeans", np.arange(100), [10], trials=3)
    found = shares(overlap.tabulate(studio.shown(), TARGET))
    # Each trial's picks are shifted by one against those of the trial before.
    assert found["scan", "kmeans"] == (pytest.approx((0.9 + 0.9 + 0.8) / 3), 3, 10 / 400)
    assert found["scan", "scan"] == (1.0, 3, 1.0)


def test_labelled_sets_of_cycles_are_compared_with_those_of_others(pools):
    every = CYCLES
    found = shares(overlap.tabulate(pools.shown(), every))
    pair = found["Random Random, 10", "Random Maximum entropy, 20"]
    assert pair == (1.0, 2, 20 / 400)
    new = every.model_copy(update={"picks": "new"})
    found = shares(overlap.tabulate(pools.shown(), new))
    assert found["Random Random, 10", "Random Maximum entropy, 20"][0] == 0
    assert found["Random Maximum entropy, 20", "Random Maximum entropy, 20"][0] == 1


def test_matrix_shows_each_pair_twice(pools):
    with styled():
        figure, numbers = overlap.draw(pools.shown(), TARGET)
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert len(texts) == 9
    assert texts[0] == texts[4] == texts[8] == "100"
    assert texts[1] == texts[3]
    assert len(numbers) == 6
