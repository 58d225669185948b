"""Requests of jobs: memory, time and GPUs, by earlier runs or by recipes."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from coldstart.common.errors import ColdstartError
from coldstart.planning.artefact import Facts, Planned
from coldstart.planning.cycles import Cycle
from coldstart.planning.plan import Plan
from coldstart.planning.resources import (
    SNAKEMAKE,
    STARTUP,
    Needs,
    estimate,
    from_records,
    gains_from_gpu,
)

CORES = 4
"""Cores of a job that the estimates of time count on; what the SLURM profile asks for."""

RECORDS = 5
"""Earlier runs of a recipe, newest first, whose needs are looked at."""

Method = Callable[..., Planned | list[Planned]]
"""A method of the plan: the artefact, or the artefacts, that a job makes."""


class Requests:
    """The requests of the jobs of a plan.

    Args:
        plan: knows the artefacts, the facts of their images, and the store.
        device: that the settings name; with ``cpu`` nothing asks for a GPU.
        training_gpus: GPUs that a pretraining asks for.
    """

    def __init__(self, plan: Plan, device: str, training_gpus: int) -> None:
        self.plan, self.device, self.training_gpus = plan, device, training_gpus
        self._asked: dict[tuple[Any, ...], Needs] = {}

    def minutes_of(self, at: Cycle) -> int:
        """Minutes of a cycle by its recipes."""
        facts = self.facts(at._asdict())
        needs = [
            estimate(one, facts, "gpu" if self.on_gpu(one) else "cpu", CORES)
            for one in self.plan.cycles.cycle(*at)
        ]
        return Needs.of_all(needs).minutes

    def gpus(self, planned: Planned) -> int:
        """Return the number of GPUs that making an artefact asks for."""
        if not self.on_gpu(planned):
            return 0
        return self.training_gpus if planned.identity.stage == "pretrain" else 1

    def on_gpu(self, planned: Planned) -> bool:
        """Return True if an artefact is made on a GPU."""
        return self.device != "cpu" and gains_from_gpu(planned)

    def needs(self, method: Method, named: dict[str, Any]) -> Needs:
        """Memory of the largest of a job's artefacts, and time for all that the store lacks."""
        asked = (method.__name__, *named.values())
        if asked not in self._asked:  # by memory and by time
            self._asked[asked] = self._needs_for(method, named)
        return self._asked[asked]

    def _needs_for(self, method: Method, named: dict[str, Any]) -> Needs:
        made = listed(method(**named))
        first = {name: 0 for name in ("seed", "trial") if name in named}
        siblings = listed(method(**named | first)) if any(map(named.get, first)) else made
        needs = [
            self._needs_of([planned, sibling], planned, named)
            for planned, sibling in zip(made, siblings, strict=True)
            if len(made) == 1 or not self.plan.store.has(planned.key)
        ]
        return Needs.of_all(needs or [Needs(SNAKEMAKE, STARTUP)])

    def _needs_of(self, asked: Iterable[Planned], planned: Planned, named: dict[str, Any]) -> Needs:
        """By the records of this recipe or of its sibling with seed 0; else by the recipe."""
        device = "gpu" if self.on_gpu(planned) else "cpu"
        records = [record for one in asked for record in self._records(one.identity.recipe_key)]
        gpus = max(1, self.gpus(planned))
        return from_records(records, device, gpus) or estimate(
            planned, self.facts(named), device, CORES, gpus
        )

    def facts(self, named: dict[str, Any]) -> Facts:
        """Return the facts of the images that a job works on."""
        if "dataset" in named:
            return self.plan.data.facts_of(named["dataset"])
        pool = named.get("pool") or self.plan.cycles.run(named["study"], named["run"]).pool
        return self.plan.data.facts(pool)

    def _records(self, recipe_key: str) -> Iterator[dict[str, Any]]:
        """Yield the records of earlier runs of a recipe; a damaged manifest stops nothing."""
        for key in self.plan.store.others(recipe_key)[:RECORDS]:
            with contextlib.suppress(ColdstartError):
                yield self.plan.store.manifest(key)["made"]


def listed(made: Planned | list[Planned]) -> list[Planned]:
    """Return the artefacts of a job that makes one or several."""
    return made if isinstance(made, list) else [made]


def require_fit(what: str, needs: Needs, largest: int, gpu: bool) -> None:
    """Refuse a first request that no node can meet.

    Args:
        what: names the job.
        needs: the first request.
        largest: megabytes of the largest node; 0 where nobody knows.
        gpu: says which partition the job goes to.
    """
    if 0 < largest < needs.megabytes:
        partition = "COLDSTART_SLURM_GPU_PARTITION" if gpu else "COLDSTART_SLURM_PARTITION"
        raise ColdstartError(
            f"{what} needs about {needs.megabytes} MB, and the largest node has {largest} MB. Name "
            f"a partition with larger nodes ({partition}), or set what you know to be enough: "
            f"--set-resources RULE:mem_mb={largest}"
        )
