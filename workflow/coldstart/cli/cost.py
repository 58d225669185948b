"""``coldstart plan``: estimate the cost of a study before any of it is computed."""

import argparse
import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from coldstart.cli.clone import store_folders
from coldstart.store import LayeredStore

if TYPE_CHECKING:
    from coldstart.planning.artefact import Facts, Planned
    from coldstart.planning.plan import Plan

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

POOLS, DATA = "results/data/pools/", "results/data/"
FLOAT, DOUBLE = 4, 8
"""Bytes of a number: probabilities are float64; everything else in tables and models, float32."""
ROW = 32
"""Bytes of a row of a selection."""


@dataclass
class Cost:
    """The cost of one stage of a study.

    Attributes:
        stage: the name of the stage.
        artefacts: number of its artefacts.
        made: number of them that the store has.
        gpu_hours: hours on one GPU for the others; an upper estimate.
        cpu_hours: hours on one CPU core for those others that gain nothing from a GPU; an upper
            estimate.
        gigabytes: approximate size of all its artefacts, before compression.
    """

    stage: str
    artefacts: int = 0
    made: int = 0
    gpu_hours: float = 0.0
    cpu_hours: float = 0.0
    gigabytes: float = 0.0


def add(commands: "Commands") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "plan",
        help="estimate what a study costs: artefacts, hours, and bytes in the store",
        description="Estimate what a study costs: its artefacts by stage, how many the store has, "
        "hours of GPUs and of CPU cores for the rest, and the size of all. Hours are the upper "
        "estimates that jobs request from a scheduler.",
    )
    parser.add_argument(
        "study", metavar="STUDY", help="a file of workflow/studies, such as zero-shot"
    )
    parser.add_argument("--scale", help="paper, cpu or smoke (default: `scale` in config.yaml)")
    parser.add_argument(
        "--device", choices=("gpu", "cpu"), default="gpu", help="the device that networks run on"
    )
    parser.set_defaults(command=_plan)


def _plan(arguments: argparse.Namespace) -> int:
    from coldstart.cli.plans import all_of, plan_at, planned_for

    start = time.perf_counter()
    plan, scale = plan_at(LayeredStore(*store_folders()), arguments.scale)
    found = costs(plan, all_of(planned_for(plan, arguments.study)), arguments.device)
    asked = [
        model.key
        for name, run in plan.recipes.get("studies", arguments.study).runs.items()
        if plan.recipes.get("learners", run.learner).learns_from == "images" and run.budgets
        for seed in run.encoder_seeds
        for model in plan.cycles.trained(arguments.study, name, seed)
    ]
    print(
        f"study {arguments.study} at scale {scale}, planned in {time.perf_counter() - start:.0f} s"
    )
    for line in _lines(found):
        print(line)
    if asked:
        trainings = len({*asked})
        saved = f"{len(asked) - trainings:,} of {len(asked):,} are saved: first cycles are shared"
        print(f"trainings of learners: {trainings:,}; {saved}")
    return 0


def costs(plan: "Plan", artefacts: Iterable["Planned"], device: str) -> list[Cost]:
    """Add up the estimated costs of artefacts by stage.

    Args:
        plan: the plan that the artefacts are of; it has the facts of pools, and the store.
        artefacts: the artefacts, each once.
        device: the device that networks run on, ``gpu`` or ``cpu``.
    """
    from coldstart.planning.resources import estimate_seconds, gains_from_gpu

    found: dict[str, Cost] = {}
    sizes = Sizes()
    for planned in artefacts:
        cost = found.setdefault(planned.identity.stage, Cost(planned.identity.stage))
        facts = _facts(plan, planned)
        cost.artefacts += 1
        cost.gigabytes += sizes.bytes_of(planned, facts) / 1e9
        if plan.store.has(planned.key):
            cost.made += 1
        elif device == "gpu" and gains_from_gpu(planned):
            cost.gpu_hours += estimate_seconds(planned, facts, "gpu") / 3600
        else:
            cost.cpu_hours += estimate_seconds(planned, facts, "cpu") / 3600
    return list(found.values())


class Sizes:
    """Sizes of artefacts, estimated from their recipes."""

    def __init__(self) -> None:
        self._models: dict[str, int] = {}

    def bytes_of(self, planned: "Planned", facts: "Facts") -> float:
        """Estimate the bytes of an artefact's tables, images or weights, without compression."""
        by_stage: dict[str, Callable[[Planned, Facts], float]] = {
            "images": lambda _, facts: math.prod(facts.shape) * sum(facts.sizes.values()),
            "pretrain": self._encoder,
            "learn": self._learner,
            "embed": lambda one, facts: FLOAT * _dim(one.inputs["checkpoint"]) * _embedded(facts),
            "predict": self._predictions,
            "select": lambda one, _: (
                ROW * sum(one.identity.recipe["budgets"]) * one.identity.recipe["trials"]
            ),
            "query": lambda one, _: ROW * one.identity.recipe["budget"],
        }
        estimate = by_stage.get(planned.identity.stage)
        return 0.0 if estimate is None else float(estimate(planned, facts))

    def _encoder(self, planned: "Planned", facts: "Facts") -> float:
        from coldstart.config.recipes.encoders import ENCODERS, Trained

        recipe = ENCODERS.adapter().validate_python(planned.identity.recipe["encoder"])
        if not isinstance(recipe, Trained):
            return 0.0
        one = self._model(recipe, facts, lambda module, inputs: module.build(recipe, inputs))
        return one * (1 + recipe.snapshots)

    def _learner(self, planned: "Planned", facts: "Facts") -> float:
        from coldstart.config.recipes.learners.base import LEARNERS, Network

        recipe = LEARNERS.adapter().validate_python(planned.identity.recipe["learner"])
        if not isinstance(recipe, Network):
            return 0.0
        classes = planned.identity.recipe["classes"]
        return self._model(
            recipe, facts, lambda module, inputs: module.build(recipe, inputs, classes)
        )

    def _model(self, recipe: Any, facts: "Facts", build: Callable[[Any, Any], Any]) -> int:
        """Bytes of a model's tensors. A model is built once for each recipe and shape of images."""
        from torch import zeros

        from coldstart.config.recipes.encoders import ENCODERS
        from coldstart.config.recipes.learners.base import LEARNERS, Learner
        from coldstart.training.model import Inputs

        description = f"{recipe.model_dump_json()} {facts.shape} {facts.classes}"
        if description not in self._models:
            height, width, channels = facts.shape
            registry: Any = LEARNERS if isinstance(recipe, Learner) else ENCODERS
            inputs = Inputs(height, width, channels, zeros(channels), zeros(channels))
            tensors = build(registry.load(recipe), inputs).state_dict().values()
            self._models[description] = sum(one.numel() * one.element_size() for one in tensors)
        return self._models[description]

    def _predictions(self, planned: "Planned", facts: "Facts") -> float:
        from coldstart.config.recipes.learners.base import LEARNERS, Network

        recipe = planned.identity.recipe
        made = planned.inputs["model.0"].identity.recipe
        learner = LEARNERS.adapter().validate_python(made["learner"])
        dim = learner.dim if isinstance(learner, Network) else 0
        votes = recipe["prediction"]["members"] * recipe["prediction"]["passes"]
        probabilities = DOUBLE * facts.classes
        rows = {
            "predictions": probabilities,
            "votes": votes * probabilities,
            "embeddings": FLOAT * dim,
        }
        size = 0.0
        for name, splits in recipe["outputs"].items():
            size += rows.get(name, DOUBLE) * sum(facts.sizes.get(split, 0) for split in splits)
        return size


def _dim(checkpoint: "Planned") -> int:
    from coldstart.config.recipes.encoders import ENCODERS

    recipe = ENCODERS.adapter().validate_python(checkpoint.identity.recipe["encoder"])
    dim: int = recipe.dim
    return dim


def _embedded(facts: "Facts") -> int:
    """Number of images that are embedded: candidates and test images."""
    return facts.sizes.get("candidates", 0) + facts.sizes.get("test", 0)


def _facts(plan: "Plan", planned: "Planned") -> "Facts":
    """Find the facts of the images that an artefact is made from.

    They are the facts of the pool that the artefact descends from, or of the data set if there is
    no pool among its inputs.
    """
    if planned.pointer.startswith(POOLS):
        return plan.data.facts(planned.pointer.removeprefix(POOLS).removesuffix(".json"))
    for one in planned.inputs.values():
        if one.identity.stage not in ("images", "labels"):
            return _facts(plan, one)
    if planned.inputs:
        return _facts(plan, next(iter(planned.inputs.values())))
    return plan.data.facts_of(planned.pointer.removeprefix(DATA).split("/")[0])


def _lines(found: Iterable[Cost]) -> Iterator[str]:
    """A table of the stages, and the sums below it."""
    rows = sorted(found, key=lambda cost: -cost.gpu_hours - cost.cpu_hours)
    numbers = ("artefacts", "made", "gpu_hours", "cpu_hours", "gigabytes")
    total = Cost("all")
    for name in numbers:
        setattr(total, name, sum(getattr(cost, name) for cost in rows))
    names = f"{'artefacts':>10} {'in store':>9} {'GPU hours':>10} {'CPU hours':>10} {'GB':>8}"
    yield f"{'stage':<10} {names}"
    for cost in [*rows, total]:
        yield (
            f"{cost.stage:<10} {cost.artefacts:>10,} {cost.made:>9,} {cost.gpu_hours:>10,.1f} "
            f"{cost.cpu_hours:>10,.1f} {cost.gigabytes:>8,.2f}"
        )
