import numpy as np
import pytest
from scipy import stats

from coldstart.statistics.intervals import mean_interval

CASES = 4000


def blocks(skewed, n):
    """Means of blocks, and their true mean."""
    rng = np.random.default_rng([n, skewed])
    if skewed:
        return rng.exponential(size=(CASES, n)), 1.0
    return rng.normal(size=(CASES, n)), 0.0


def covered(intervals, mean):
    low, high = np.transpose(intervals)
    return np.mean((low <= mean) & (mean <= high))


@pytest.mark.parametrize("n", [3, 5, 9])
@pytest.mark.parametrize(("skewed", "least"), [(False, 0.94), (True, 0.86)])
def test_intervals_of_few_blocks_have_their_coverage(n, skewed, least):
    values, mean = blocks(skewed, n)
    share = covered([mean_interval(row) for row in values], mean)
    assert least < share < 0.96


@pytest.mark.parametrize("skewed", [False, True])
def test_bootstrap_percentiles_of_few_blocks_lack_coverage(skewed):
    values, mean = blocks(skewed, 3)
    # All 27 resamples of three values, each as likely: its ends are the smallest and the largest.
    drawn = np.stack(np.meshgrid(*[range(3)] * 3), -1).reshape(-1, 3)
    ends = [np.quantile(row[drawn].mean(1), [0.025, 0.975]) for row in values]
    assert covered(ends, mean) < 0.8


def test_interval_equals_scipy():
    values = np.array([0.1, 0.25, 0.2, 0.4])
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.99)
    assert mean_interval(values, 0.01) == pytest.approx(tuple(expected))


def test_interval_of_three_blocks_equals_a_known_one():
    # An independent program's interval for these three differences.
    low, high = mean_interval(np.array([0.003, 0.004, 0.011]))
    assert (low, high) == pytest.approx((-0.0048, 0.0168), abs=1e-4)


@pytest.mark.parametrize(("n", "there"), [(1, False), (2, False), (3, True)])
def test_few_blocks_have_no_interval(n, there):
    assert (not np.isnan(mean_interval(np.arange(n, dtype=float))).any()) == there


def test_blocks_that_agree_have_an_interval_without_width():
    low, high = mean_interval(np.full(4, 0.1))
    assert low == high == pytest.approx(0.1)
