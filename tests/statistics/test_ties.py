from fractions import Fraction
from itertools import product

import numpy as np
import pandas as pd
import pytest

from coldstart.statistics.blocks import arrange
from coldstart.statistics.pairs import compare
from coldstart.statistics.penalties import penalties
from coldstart.statistics.ranks import average_ranks, friedman, rank
from coldstart.statistics.ties import average, exceeds, subtract, tie

# Hits of three draws on 450 test images, by sampler and number of labels: thirds that tie.
TEST_IMAGES, DRAWS = 450, 3


def hits(seed, blocks=10):
    """Small counts, so that many differences of means have the same size."""
    return np.random.default_rng(seed).integers(200, 206, size=(2, blocks, DRAWS))


def tidy(counts):
    rows = [
        ("m", 0, sampler, draw, budget, int(counts[at, budget, draw]) / TEST_IMAGES)
        for at, sampler in enumerate(("a", "b"))
        for budget in range(counts.shape[1])
        for draw in range(DRAWS)
    ]
    return pd.DataFrame(
        rows, columns=["run", "encoder_seed", "sampler", "trial", "budget", "value"]
    )


def exact_p(counts):
    """Wilcoxon's p (Pratt) in whole numbers, by all signs, as a fraction of 2 ** blocks."""
    totals = counts.sum(axis=2)
    differences = (totals[0] - totals[1]).tolist()
    sizes = sorted(map(abs, differences))
    ranks = [
        Fraction(2 * sizes.index(abs(d)) + 1 + sizes.count(abs(d)), 2) for d in differences if d
    ]
    seen = sum(r for r, d in zip(ranks, filter(None, differences), strict=True) if d > 0)
    sums = [
        sum(r for r, sign in zip(ranks, signs, strict=True) if sign)
        for signs in product((0, 1), repeat=len(ranks))
    ]
    below, above = sum(s <= seen for s in sums), sum(s >= seen for s in sums)
    return min(Fraction(1), Fraction(2 * min(below, above), len(sums)))


@pytest.mark.parametrize("seed", range(8))
def test_p_of_thirds_equals_p_of_whole_numbers(seed):
    counts = hits(seed)
    blocks = arrange(tidy(counts), ["a", "b"], ["run", "encoder-seed", "budget"])
    assert compare(blocks)["p"][0] == pytest.approx(float(exact_p(counts)), abs=1e-12)


def test_p_keeps_ties_that_rounding_to_digits_would_break():
    # Rounded to 12 digits before and after they are subtracted, these means give 38/1024.
    counts = hits(seed=4808)
    assert exact_p(counts) == Fraction(40, 1024)
    blocks = arrange(tidy(counts), ["a", "b"], ["run", "encoder-seed", "budget"])
    assert compare(blocks)["p"][0] == 40 / 1024


def test_tied_means_share_a_rank():
    # 1/3 and 1/6 + 1/6 differ in float64 when summed in different orders.
    values = pd.DataFrame({"a": [0.1 + 0.2, 0.7], "b": [0.3, 0.1], "c": [0.2, 0.7 + 1e-16]})
    assert rank(values).to_numpy().tolist() == [[1.5, 1.5, 3], [1.5, 3, 1.5]]
    assert friedman(values).chi2 == friedman(values.round(6)).chi2


def test_equal_average_ranks_are_equal():
    ranks = pd.DataFrame({"a": [1, 2, 3] * 7, "b": [3, 2, 1] * 7, "c": [2] * 21})
    assert average_ranks(ranks / 3).nunique() == 1


def test_near_values_on_both_sides_of_a_rounding_edge_are_tied():
    boundary = 0.5e-12  # where rounding to 12 digits goes up or down
    values = np.array([0.3 + boundary * (1 - 1e-4), 0.9, 0.3 + boundary * (1 + 1e-4)])
    tied = tie(values)
    assert tied[0] == tied[2] == values[0]
    assert tied[1] == 0.9
    assert len(set(np.round(values, 12))) == 3


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_one_more_correct_image_is_no_tie(scale):
    values = scale * (np.arange(10) / 1e9 + 0.5)  # a hit among a billion
    assert len(set(tie(values))) == 10
    assert len(set(subtract(values, np.full(10, values[0])))) == 10


def test_differences_of_equal_size_and_zeros_are_equal():
    first = np.array([0.3, 0.2, 0.1 + 0.2, 0.1])
    second = np.array([0.1, 0.4, 0.3, 0.3])
    differences = subtract(first, second)
    assert differences[0] == -differences[1] == -differences[3] > 0
    assert differences[2] == 0


def test_ties_are_found_in_each_row_alone():
    rows = np.array([[1.0, 1.0 + 1e-15, 2.0], [1e6, 1e6 + 1e-3, 1e6 + 1e-9]])
    tied = tie(rows)
    assert tied[0].tolist() == [1.0, 1.0, 2.0]
    assert tied[1].tolist() == [1e6, 1e6 + 1e-3, 1e6]
    named = tie(pd.Series(rows[0], index=list("abc")))
    assert named.index.tolist() == list("abc")


def test_mean_of_rounding_errors_is_zero():
    assert 0.1 + 0.2 - 0.3 != 0
    assert average(np.array([0.1, 0.2, -0.3])) == 0
    assert average(np.array([0.1, 0.2, -0.3 + 1e-9])) > 0
    assert average(np.zeros(3)) == 0


def test_rounding_error_does_not_exceed_a_bound():
    assert not exceeds(0.1 + 0.2, 0.3)
    assert exceeds(0.3 + 1e-9, 0.3)
    assert exceeds(1e-13, 0.0)  # differences are exactly 0 where they are nought


def test_no_sampler_beats_its_equal():
    # Draws in another order have the same mean, but not in float64.
    draws = [0.1, 0.2, 0.3, 0.7]
    rows = [
        ("m", encoder, sampler, draw, 10, value)
        for encoder in range(4)
        for sampler, values in (("a", draws), ("b", draws[::-1]))
        for draw, value in enumerate(np.array(values) / (encoder + 3))
    ]
    values = pd.DataFrame(
        rows, columns=["run", "encoder_seed", "sampler", "trial", "budget", "value"]
    )
    blocks = arrange(values, ["a", "b"], ["encoder-seed"])
    assert compare(blocks)[["mean_difference", "p"]].to_numpy().tolist() == [[0, 1]]
    assert penalties(values, ["a", "b"])["penalty"].tolist() == [0, 0]
