from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from coldstart.statistics.blocks import Blocks
from coldstart.statistics.cliques import cliques
from coldstart.statistics.pairs import compare, holm, p_matrix, signed_rank, smallest_p

# Demsar 2006, table 2: what tuning adds to C4.5's AUC on 14 data sets.
DEMSAR = np.array(
    [5, -8, 17, 33, 6, -5, 7, 0, 63, 0, 22, 47, 9, 21],
    dtype=float,
)  # fmt: skip


def blocks_of(values, once=()):
    table = pd.DataFrame(values)
    table.index = pd.Index(range(len(table)), name="budget")
    return Blocks(table, frozenset(once))


def test_signed_ranks_equal_the_table_of_demsar():
    statistic, p = signed_rank(DEMSAR / 1000)
    # Sums of ranks 93 and 12 with the zeros' ranks split, which leaves their difference alone.
    assert statistic == 93 - 12
    assert p < 0.05


def by_all_signs(differences):
    """The two-sided p by trying every combination of signs."""
    ranks = stats.rankdata(np.abs(differences))[differences != 0]
    sums = [np.dot(signs, ranks) for signs in product([0, 1], repeat=len(ranks))]
    seen = ranks[differences[differences != 0] > 0].sum()
    return min(1, 2 * min(np.mean(np.array(sums) <= seen), np.mean(np.array(sums) >= seen)))


@pytest.mark.parametrize("seed", range(6))
def test_p_is_exact_with_ties_and_zeros(seed):
    differences = np.random.default_rng(seed).integers(-3, 5, size=9).astype(float)
    assert signed_rank(differences)[1] == pytest.approx(by_all_signs(differences))


@pytest.mark.parametrize("n", [3, 10, 50])
def test_p_equals_the_exact_one_of_scipy(n):
    differences = np.random.default_rng(n).normal(0.3, 1, size=n)
    expected = stats.wilcoxon(differences, method="exact").pvalue
    assert signed_rank(differences)[1] == pytest.approx(expected)
    assert signed_rank(-differences)[1] == pytest.approx(expected)


def test_p_of_many_blocks_equals_the_normal_one_of_scipy():
    differences = np.round(np.random.default_rng(0).normal(0.05, 1, size=800), 1)
    expected = stats.wilcoxon(differences, zero_method="pratt", method="approx").pvalue
    assert 0.001 < expected < 0.5
    assert signed_rank(differences)[1] == pytest.approx(expected)


def test_exact_and_normal_p_agree_at_the_threshold():
    differences = np.round(np.random.default_rng(1).normal(0.1, 1, size=500), 1)
    normal = stats.wilcoxon(differences, zero_method="pratt", method="approx").pvalue
    assert signed_rank(differences)[1] == pytest.approx(normal, rel=0.02)


def test_no_difference_has_p_1():
    assert signed_rank(np.zeros(5)) == (0.0, 1.0)


def test_holm_correction_equals_its_definition():
    p = holm(np.array([0.01, 0.04, 0.03, 0.005]))
    assert p.tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([0.9, 0.6])).tolist() == [1.0, 1.0]


def test_the_smallest_p_is_reached_when_all_blocks_agree():
    differences = np.arange(1.0, 7.0)
    assert signed_rank(differences)[1] * 3 == pytest.approx(smallest_p(6, 3))
    assert smallest_p(2, 10) == 1


def test_every_pair_is_compared():
    rng = np.random.default_rng(0)
    base = rng.normal(size=12)
    table = compare(
        blocks_of({"low": base, "high": base + 1 + rng.random(12) / 9, "same": base[::-1]})
    )
    assert list(zip(table["first"], table["second"], strict=True)) == [
        *combinations(["low", "high", "same"], 2)
    ]
    first = table.iloc[0]
    assert -1.2 < first["low"] < first["mean_difference"] < first["high"] < -0.9
    assert first["better"] == "high"
    assert first["p"] == 2 / 2**12
    assert first["p_holm"] == 3 * 2 / 2**12
    assert pd.isna(table.set_index(["first", "second"]).loc[("low", "same"), "better"])
    assert table["blocks"].tolist() == [12] * 3


@pytest.mark.parametrize("seed", range(3))
def test_pairs_equal_scikit_posthocs(seed):
    posthocs = pytest.importorskip("scikit_posthocs")
    rng = np.random.default_rng(seed)
    values = pd.DataFrame(rng.normal([0, 0.3, 0.6, 1.2], size=(20, 4)), columns=list("abcd"))
    ours = p_matrix(compare(blocks_of(values)), list("abcd"))
    theirs = posthocs.posthoc_wilcoxon(
        values.melt(), val_col="value", group_col="variable", method="exact", p_adjust="holm"
    )
    assert np.allclose(ours.to_numpy(), theirs.to_numpy())


def test_cliques_are_the_largest_groups_without_a_difference():
    names = list("abcde")
    apart = pd.DataFrame(False, index=names, columns=names)
    for first, second in ("ad", "ae", "be", "ab", "ce", "de"):
        apart.loc[first, second] = apart.loc[second, first] = True
    assert cliques(apart) == [["a", "c"], ["b", "c", "d"]]  # no one is like e
    assert cliques(apart | True) == []
    assert cliques(apart & False) == [names]


def test_many_equal_samplers_are_one_clique_in_little_time():
    names = [f"sampler {at:02}" for at in range(40)]  # 2 ** 40 subsets
    apart = pd.DataFrame(False, index=names, columns=names)
    assert cliques(apart) == [names]
    apart.loc[names[0], names[-1]] = apart.loc[names[-1], names[0]] = True
    assert cliques(apart) == [names[:-1], names[1:]]


@pytest.mark.parametrize("seed", range(20))
def test_cliques_equal_a_search_over_all_subsets(seed):
    rng = np.random.default_rng(seed)
    names = list("abcdefg")
    upper = np.triu(rng.random((7, 7)) < rng.random(), 1)
    apart = pd.DataFrame(upper | upper.T, index=names, columns=names)
    whole = [
        set(group)
        for size in range(2, 8)
        for group in combinations(names, size)
        if not apart.loc[list(group), list(group)].to_numpy().any()
    ]
    largest = [group for group in whole if not any(group < other for other in whole)]
    found = cliques(apart)
    assert sorted(map(sorted, largest)) == sorted(found)
