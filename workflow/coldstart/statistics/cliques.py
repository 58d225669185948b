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
    if not candidates:
        if not seen:
            yield group
        return
    # A clique without the pivot holds a sampler that is apart from it, or else the pivot would
    # enlarge it; so the pivot's neighbours need no branch of their own. Without a pivot, samplers
    # that are all alike take as many steps as they have subsets.
    pivot = max(sorted(candidates), key=lambda sampler: len(candidates & near[sampler]))
    for sampler in sorted(candidates - near[pivot]):
        yield from _grow(group | {sampler}, candidates & near[sampler], seen & near[sampler], near)
        candidates = candidates - {sampler}
        seen = seen | {sampler}
