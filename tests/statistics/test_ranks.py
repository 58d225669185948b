import numpy as np
import pandas as pd
import pytest
from scipy import stats

from coldstart.statistics.ranks import critical_difference, friedman, nemenyi, rank

# Demsar 2006, table 6: AUC of four variants of C4.5 on 14 data sets. Two values of "voting" are
# printed alike and ranked apart, so a digit is added to one.
DEMSAR = pd.DataFrame(
    [
        (0.763, 0.768, 0.771, 0.798),
        (0.599, 0.591, 0.590, 0.569),
        (0.954, 0.971, 0.968, 0.967),
        (0.628, 0.661, 0.654, 0.657),
        (0.882, 0.888, 0.886, 0.898),
        (0.936, 0.931, 0.916, 0.931),
        (0.661, 0.668, 0.609, 0.685),
        (0.583, 0.583, 0.563, 0.625),
        (0.775, 0.838, 0.866, 0.875),
        (1.000, 1.000, 1.000, 1.000),
        (0.940, 0.962, 0.965, 0.962),
        (0.619, 0.666, 0.614, 0.669),
        (0.972, 0.981, 0.9751, 0.975),
        (0.957, 0.978, 0.946, 0.970),
    ],
    columns=["C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf"],
)
SAMPLERS = ["a", "b", "c", "d", "e"]


def values(seed, blocks=12, ties=False):
    rng = np.random.default_rng(seed)
    drawn = rng.normal(size=(blocks, len(SAMPLERS))) + np.linspace(0, 0.8, len(SAMPLERS))
    return pd.DataFrame(np.round(drawn, 0 if ties else 9), columns=SAMPLERS)


def test_ranks_equal_the_table_of_demsar():
    assert rank(DEMSAR).mean().round(3).tolist() == [3.143, 2.0, 2.893, 1.964]


@pytest.mark.parametrize("seed", range(5))
def test_ranks_depend_on_the_order_alone_and_keep_their_sum(seed):
    table = values(seed, ties=True)
    ranks = rank(table)
    assert (ranks.sum(axis=1) == 15).all()
    pd.testing.assert_frame_equal(rank(np.exp(3 * table) - 5), ranks)
    pd.testing.assert_frame_equal(rank(-table), 6 - ranks)


def test_friedman_statistic_equals_that_of_demsar():
    test = friedman(DEMSAR)
    # Demsar's 9.28 is without the correction for ties: 3 pairs and one four.
    correction = 1 - (3 * (2**3 - 2) + (4**3 - 4)) / (14 * (4**3 - 4))
    assert test.chi2 * correction == pytest.approx(9.28, abs=0.005)
    assert test.df == (3, 39)
    assert test.differ


@pytest.mark.parametrize("ties", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_friedman_test_equals_scipy(seed, ties):
    table = values(seed, ties=ties)
    expected = stats.friedmanchisquare(*table.to_numpy().T)
    test = friedman(table)
    assert test.chi2 == pytest.approx(expected.statistic)
    assert test.p_chi2 == pytest.approx(expected.pvalue)
    assert test.blocks == len(table)


@pytest.mark.parametrize("seed", range(4))
def test_iman_davenport_f_equals_a_two_way_analysis_of_variance_of_ranks(seed):
    table = values(seed, ties=True)
    ranks = rank(table).to_numpy()
    n, k = ranks.shape
    treatments = n * ((ranks.mean(axis=0) - 3) ** 2).sum()
    residuals = ((ranks - ranks.mean(axis=0)) ** 2).sum()  # all blocks have the same mean
    f = (treatments / (k - 1)) / (residuals / ((n - 1) * (k - 1)))
    test = friedman(table)
    assert test.f == pytest.approx(f)
    assert test.p == pytest.approx(stats.f.sf(f, k - 1, (n - 1) * (k - 1)))


def test_the_order_of_samplers_does_not_matter():
    table = values(1)
    assert friedman(table[list("cabed")]).f == pytest.approx(friedman(table).f)


@pytest.mark.parametrize(
    ("row", "blocks", "p"),
    [
        ((3, 2, 1), 3, 1 / 36),
        ((2, 2, 1), 3, 1 / 9),
        ((1, 1, 1), 3, 1.0),
        ((3, 2, 1), 1, 1.0),
        ((1, 1, 1), 1, 1.0),
    ],
)
def test_blocks_that_all_agree_have_the_probability_of_that_event(row, blocks, p):
    test = friedman(pd.DataFrame([row] * blocks, columns=list("abc")))
    assert test.p == pytest.approx(p)
    assert test.differ == (p < 0.05)


def test_critical_differences_equal_table_5_of_demsar():
    # Table 5 (a), alpha 0.05; the difference is q times sqrt(k (k + 1) / (6 n)).
    q = [1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164]
    for k, expected in enumerate(q, 2):
        scale = np.sqrt(k * (k + 1) / (6 * 14))
        assert critical_difference(k, 14) / scale == pytest.approx(expected, abs=0.001)


def test_nemenyi_p_is_0_05_at_the_critical_difference():
    step = critical_difference(3, 10)
    p = nemenyi(pd.Series({"a": 1.0, "b": 1.0 + step, "c": 3.0}), 10)
    assert p.loc["a", "b"] == pytest.approx(0.05)
    assert p.loc["a", "a"] == 1
    assert (p == p.T).all(axis=None)


@pytest.mark.parametrize("seed", range(3))
def test_nemenyi_p_equals_scikit_posthocs(seed):
    posthocs = pytest.importorskip("scikit_posthocs")
    table = values(seed)
    ours = nemenyi(rank(table).mean(), len(table))
    theirs = posthocs.posthoc_nemenyi_friedman(table)
    assert np.allclose(ours.to_numpy(), theirs.to_numpy(), atol=1e-6)
