"""Groups of samplers that are not told apart."""

from collections.abc import Iterator

import pandas as pd


def cliques(apart: pd.DataFrame) -> list[list[str]]:
    """The largest groups in which no two samplers are told apart (Bron and Kerbosch 1973).

    Args:
        apart: bool [samplers, samplers], symmetric, the best sampler first.

    Returns:
        Groups of two or more, each in the samplers' order, those with the best sampler first.
    """
    order = {str(sampler): at for at, sampler in enumerate(apart.index)}
    near = {
        sampler: {other for other in order if other != sampler and not apart.loc[sampler, other]}
        for sampler in order
    }
    groups = _grow(set(), set(order), set(), near)
    found = sorted(sorted(order[sampler] for sampler in group) for group in groups)
    names = list(order)
    return [[names[at] for at in group] for group in found if len(group) > 1]


def _grow(
    group: set[str], candidates: set[str], seen: set[str], near: dict[str, set[str]]
) -> Iterator[set[str]]:
    """The maximal cliques that hold ``group`` and none of ``seen``."""
    if not candidates and not seen:
        yield group
    for sampler in sorted(candidates):
        yield from _grow(group | {sampler}, candidates & near[sampler], seen & near[sampler], near)
        candidates = candidates - {sampler}
        seen = seen | {sampler}
