"""The findings of the statistics, in plain sentences."""

from collections.abc import Mapping, Sequence
from typing import TypedDict

import pandas as pd

from coldstart.statistics import ALPHA
from coldstart.statistics.blocks import Blocks
from coldstart.statistics.cliques import cliques
from coldstart.statistics.pairs import p_matrix, smallest_p
from coldstart.statistics.ranks import Friedman, average_ranks, friedman, rank


class Finding(TypedDict):
    """One sentence and what it is about."""

    topic: str
    sentence: str


def findings(blocks: Blocks, names: Mapping[str, str], pairs: pd.DataFrame) -> list[Finding]:
    """Say which samplers differ, which do not, and how far that carries.

    Args:
        blocks: of at least two samplers; at least two blocks.
        names: of the samplers, as readers know them.
        pairs: what ``compare`` says of the blocks.
    """
    found = [
        Finding(topic="all samplers", sentence=overall(friedman(blocks.values))),
        Finding(topic="best sampler", sentence=best(blocks, pairs, names)),
        Finding(topic="pairs", sentence=told_apart(blocks, pairs, names)),
    ]
    caution = cautions(blocks, len(pairs))
    return [*found, Finding(topic="blocks", sentence=caution)] if caution else found


def overall(test: Friedman) -> str:
    """Say if the samplers differ at all."""
    if test.differ:
        said = "The samplers differ in rank by more than chance explains"
    else:
        said = "Chance alone may explain how the samplers' ranks differ"
    return f"{said} ({in_numbers(test)}, {count(test.blocks, 'block')})."


def in_numbers(test: Friedman) -> str:
    """The statistic and its p."""
    if test.f == float("inf"):
        return f"Friedman's test: all blocks agree, {p_value(test.p)}"
    between, within = test.df
    return f"Friedman's test: F({between}, {within}) = {test.f:.3g}, {p_value(test.p)}"


def best(blocks: Blocks, pairs: pd.DataFrame, names: Mapping[str, str]) -> str:
    """Say which sampler ranks first, and which of the others it is better than."""
    ranks = average_ranks(rank(blocks.values))
    leaders = [str(sampler) for sampler in ranks.index[ranks == ranks.min()]]
    value = f"{ranks.min():.2f}"
    if len(leaders) > 1:
        return f"{listed(leaders, names)} share the best average rank ({value})."
    leader = leaders[0]
    involved = pairs[(pairs["first"] == leader) | (pairs["second"] == leader)]
    others = involved["first"].where(involved["first"] != leader, involved["second"])
    beaten = [str(sampler) for sampler in others[involved["better"] == leader]]
    rest = [str(sampler) for sampler in others if sampler not in beaten]
    said = f"{names[leader]} has the best average rank ({value})"
    if not beaten:
        return f"{said} but is not shown to be better than any other sampler."
    if not rest:
        of = "the other sampler" if len(beaten) == 1 else f"all {len(beaten)} other samplers"
        return f"{said} and is better than {of}."
    return (
        f"{said} and is better than {listed(beaten, names)}; "
        f"it is not told apart from {listed(rest, names, 'or')}."
    )


def told_apart(blocks: Blocks, pairs: pd.DataFrame, names: Mapping[str, str]) -> str:
    """Say how many pairs differ, and name the groups within which none does."""
    differ, all_pairs = int(pairs["better"].notna().sum()), len(pairs)
    method = f"Wilcoxon's signed-rank test with Holm's correction, {ALPHA:.2f}"
    are = "is" if differ == 1 else "are"
    if all_pairs == 1:
        said = f"The two samplers are {'' if differ else 'not '}told apart ({method})."
    elif differ == all_pairs:
        said = f"All {all_pairs} pairs of samplers are told apart ({method})."
    elif differ == 0:
        said = f"None of the {all_pairs} pairs of samplers is told apart ({method})."
    else:
        order = average_ranks(rank(blocks.values)).sort_values(kind="stable").index
        groups = cliques(p_matrix(pairs, order) < ALPHA)
        within = "; ".join(listed(group, names) for group in groups)
        said = (
            f"{differ} of {all_pairs} pairs of samplers {are} told apart ({method}). "
            f"Not told apart are: {within}."
        )
    return said


def cautions(blocks: Blocks, pairs: int) -> str:
    """Say what the blocks cannot show, or return an empty text."""
    n = len(blocks.values)
    said = []
    smallest = smallest_p(n, pairs)
    if smallest >= ALPHA:
        said.append(
            f"{count(n, 'block')} {'is' if n == 1 else 'are'} too few to tell any pair apart: the "
            f"smallest possible p is {smallest:.2g} after Holm's correction."
        )
    shared = dependence(blocks)
    return " ".join([*said, shared] if shared else said)


def dependence(blocks: Blocks) -> str:
    """Say what blocks share that tests take for independent, or return an empty text."""
    index = blocks.values.index.to_frame(index=False)
    within = [
        words
        for column, words in (("budget", "numbers of labels"), ("trial", "trials"))
        if column in index and index[column].nunique() > 1
    ]
    if not within:
        return ""
    return (
        f"Blocks at several {' and '.join(within)} share their encoder and are not independent, so "
        "differences are less certain than p says."
    )


def listed(samplers: Sequence[str], names: Mapping[str, str], last: str = "and") -> str:
    """Names as in a sentence: ``A``, ``A and B``, ``A, B and C``."""
    words = [names[sampler] for sampler in samplers]
    if len(words) == 1:
        return words[0]
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def count(number: int, noun: str) -> str:
    """A number with its noun."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def p_value(p: float) -> str:
    """A p as papers print it."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}" if p < 0.01 else f"p = {p:.2f}"
