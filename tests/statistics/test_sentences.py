import numpy as np
import pandas as pd
import pytest

from coldstart.statistics.blocks import Blocks
from coldstart.statistics.pairs import compare
from coldstart.statistics.ranks import friedman
from coldstart.statistics.sentences import (
    best,
    cautions,
    findings,
    in_numbers,
    listed,
    overall,
    p_value,
    told_apart,
)

NAMES = {"a": "Random", "b": "k-means", "c": "k-centre", "d": "Loss mean"}


def blocks_of(rows, level="encoder_seed"):
    """Columns a, b, ... of an array [blocks, samplers]."""
    table = pd.DataFrame(rows)
    table.columns = list("abcd")[: table.shape[1]]
    table.index = pd.Index(range(len(table)), name=level)
    return Blocks(table, frozenset())


def ordered(n):
    """`a` above `b` above `c` in each of n blocks, by steps that differ."""
    return blocks_of(np.random.default_rng(0).random((n, 3)) + np.array([5, 2, 0]))


def alike():
    return blocks_of(np.random.default_rng(4).random((9, 3)))


def test_sentence_names_samplers_that_all_differ():
    blocks = ordered(12)
    pairs = compare(blocks)
    assert overall(friedman(blocks.values)) == (
        "The samplers differ in rank by more than chance explains "
        "(Friedman's test: all blocks agree, p < 0.001, 12 blocks)."
    )
    assert best(blocks, pairs, NAMES) == (
        "Random has the best average rank (1.00) and is better than all 2 other samplers."
    )
    assert told_apart(blocks, pairs, NAMES).startswith("All 3 pairs of samplers are told apart (")
    assert [finding["topic"] for finding in findings(blocks, NAMES, pairs)] == [
        "all samplers",
        "best sampler",
        "pairs",
    ]


@pytest.mark.parametrize("row", [(1, 1, 1), (3, 2, 1)])
def test_sentence_of_one_block_has_its_p_value(row):
    test = friedman(blocks_of([row]).values)
    assert in_numbers(test) == "Friedman's test: all blocks agree, p = 1.00"


def test_sentence_says_that_samplers_do_not_differ():
    blocks = alike()
    pairs = compare(blocks)
    test = friedman(blocks.values)
    assert not test.differ
    assert overall(test) == (
        f"Chance alone may explain how the samplers' ranks differ (Friedman's test: F(2, 16) = "
        f"{test.f:.3g}, p = {test.p:.2f}, 9 blocks)."
    )
    assert "but is not shown to be better than any other sampler." in best(blocks, pairs, NAMES)
    assert told_apart(blocks, pairs, NAMES).startswith("None of the 3 pairs of samplers is told")


def test_sentence_names_some_samplers_that_differ():
    blocks = blocks_of(np.random.default_rng(0).random((20, 4)) + np.array([1, 1.2, 0, 0]))
    pairs = compare(blocks)
    said = best(blocks, pairs, NAMES)
    assert said.startswith("k-means has the best average rank (1.")
    assert said.endswith(
        ") and is better than k-centre and Loss mean; it is not told apart from Random."
    )
    assert told_apart(blocks, pairs, NAMES) == (
        "4 of 6 pairs of samplers are told apart (Wilcoxon's signed-rank test with Holm's "
        "correction, 0.05). Not told apart are: k-means and Random; k-centre and Loss mean."
    )


def test_sentence_names_one_pair_of_three():
    blocks = alike()
    pairs = compare(blocks).assign(better=["a", None, None])
    assert told_apart(blocks, pairs, NAMES).startswith("1 of 3 pairs of samplers is told apart (")


@pytest.mark.parametrize(
    ("n", "said", "rank"),
    [
        (8, "is better than the other sampler.", "The two samplers are told apart ("),
        (3, "is not shown to be better than any", "The two samplers are not told apart ("),
    ],
)
def test_sentence_compares_two_samplers(n, said, rank):
    blocks = ordered(n)
    two = Blocks(blocks.values[["a", "b"]], frozenset())
    pairs = compare(two)
    assert said in best(two, pairs, NAMES)
    assert told_apart(two, pairs, NAMES).startswith(rank)


def test_sentence_names_samplers_that_share_the_best_rank():
    blocks = blocks_of([[1.0, 2.0, 0.0], [2.0, 1.0, 0.0]])
    assert best(blocks, compare(blocks), NAMES) == (
        "Random and k-means share the best average rank (1.50)."
    )


def test_sentence_warns_of_few_blocks():
    assert cautions(ordered(3), 3) == (
        "3 blocks are too few to tell any pair apart: the smallest possible p is 0.75 after Holm's "
        "correction."
    )
    assert cautions(ordered(1), 1).startswith("1 block is too few")
    assert cautions(ordered(12), 3) == ""


@pytest.mark.parametrize(
    ("level", "words"), [("budget", "several numbers of labels"), ("trial", "several trials")]
)
def test_sentence_warns_of_blocks_that_share_an_encoder(level, words):
    blocks = blocks_of(np.random.default_rng(0).random((12, 3)), level=level)
    assert words in cautions(blocks, 3)
    one = Blocks(blocks.values.iloc[:1], frozenset())
    assert "share" not in cautions(one, 3)


def test_small_numbers_are_written_in_words():
    assert in_numbers(friedman(alike().values)).startswith("Friedman's test: F(2, 16) = ")
    assert [p_value(p) for p in (0.0004, 0.0012, 0.034, 1.0)] == [
        "p < 0.001",
        "p = 0.0012",
        "p = 0.03",
        "p = 1.00",
    ]
    assert listed("a", NAMES) == "Random"
    assert listed("ab", NAMES, "or") == "Random or k-means"
    assert listed("abc", NAMES) == "Random, k-means and k-centre"
