"""Chains: cycles of one sampler and trial that share a submission to a cluster's queue.

A submission costs two starts of Snakemake on the node and a wait in the queue. Cycles of a sampler
that is queried run one after the other in any case, so nothing is lost when they share one. The
first cycle is none of a chain, because the chains of all samplers that are queried go on from it.
"""

from collections.abc import Callable, Iterable

from coldstart.config.recipes.runs import Run
from coldstart.planning.cycles import Cycle, Cycles
from coldstart.running.slurm import HALF_A_DAY, allowed_minutes

GROUP = "cycles"
"""The group in the profile that says how many cycles of a chain are packed that do not depend on
each other."""

LONGEST = 8 * 60
"""Minutes of a chain by estimate. A failure costs the place in the queue of all that follows."""


class Chains:
    """Divides the cycles of each sampler and trial into chains.

    What decides is the estimate by the recipe alone, never what the store has: a job on the
    cluster, which plans anew, must find the chain that it was submitted as.

    Args:
        cycles: plans the cycles.
        minutes: estimates the minutes that a cycle takes.
    """

    def __init__(self, cycles: Cycles, minutes: Callable[[Cycle], int]) -> None:
        self.cycles, self.minutes = cycles, minutes
        self._parts: dict[tuple[str, str, str], list[list[int]]] = {}

    def group(self, at: Cycle) -> str | None:
        """Return the group of a cycle's job; None for a job of its own.

        Args:
            at: the cycle. Those of one chain have the same group.
        """
        for number, budgets in enumerate(self._divided(at)):
            if at.budget in budgets and len(budgets) > 1:
                where = f"{at.study}-{at.run}-seed{at.seed}-{at.sampler}-trial{at.trial}"
                return f"{GROUP}-{where}-{number}"
        return None

    def longest(self, at: Cycle) -> int:
        """Return the minutes that a cycle's job may ask for, 0 for no limit.

        The times of a chain add up, and together they must not exceed what a partition allows. A
        cycle that needs more is requeued and goes on from its last epoch.
        """
        members = [len(budgets) for budgets in self._divided(at) if at.budget in budgets]
        return (allowed_minutes() or 0) // max(members, default=1)

    def _divided(self, at: Cycle) -> list[list[int]]:
        """The budgets of each chain; the same ones for all trials and encoder seeds."""
        allowed = allowed_minutes()
        if allowed is None or 0 < allowed < HALF_A_DAY:
            return []
        which = (at.study, at.run, at.sampler)
        if which not in self._parts:
            setup = self.cycles.run(at.study, at.run)
            one = at._replace(seed=setup.encoder_seeds[0], trial=0)
            budgets = setup.budgets[1:] if self._starts(at.sampler, setup) else setup.budgets
            times = ((budget, self.minutes(one._replace(budget=budget))) for budget in budgets)
            # With room in the partition's limit for a retry, which asks for twice the time.
            self._parts[which] = divide(times, min(LONGEST, allowed // 3 or LONGEST))
        return self._parts[which]

    def _starts(self, sampler: str, setup: Run) -> bool:
        """Return True if a sampler's first cycle is one that others share."""
        return bool(setup.queried) and sampler in (*setup.queried, setup.initial)


def divide(times: Iterable[tuple[int, int]], most: int) -> list[list[int]]:
    """Divide budgets into parts, in their order.

    Args:
        times: each budget, and the minutes of its cycle.
        most: minutes of a part; a cycle that takes more is a part of its own.
    """
    parts: list[list[int]] = []
    taken = most
    for budget, minutes in times:
        if taken + minutes > most:
            parts.append([])
            taken = 0
        parts[-1].append(budget)
        taken += minutes
    return parts
