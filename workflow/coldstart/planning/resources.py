"""Requests to a scheduler: megabytes and minutes of a job, from its recipe or earlier runs.

The estimates are upper bounds with room to spare: a job that asks for too much waits a little, one
that asks for too little is killed. Where the store has the record of an earlier run, that decides.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from coldstart.config.checks.fits import size_of
from coldstart.config.recipes.encoders import ENCODERS, Encoder, Trained, Training
from coldstart.config.recipes.encoders.given import Given
from coldstart.config.recipes.encoders.pca import Pca
from coldstart.config.recipes.learners.base import LEARNERS, Network
from coldstart.config.recipes.predictions import Prediction
from coldstart.config.recipes.probes import Probe
from coldstart.config.recipes.scores import Embedding, Score
from coldstart.planning.artefact import Facts, Planned

MEGABYTE = 2**20
FLOAT = 4  # bytes

CPU = 30e9
"""Floating-point operations a second and core; a training of small networks measured 43e9."""
GPU = 3e12
"""The same of a GPU, a slow one; and each step of a small network takes some 50 ms whatever."""
GPU_STEP = 0.05

LIBRARIES = {"plain": 400, "cpu": 800, "gpu": 3000}
"""Megabytes of a process with pandas and scikit-learn loaded, of one with torch, and of one with
CUDA started, on the host. Measured: 220 and 345 to 445 MB; with CUDA an estimate."""

NETWORKS = frozenset(
    {"pretrain", "embed", "score", "probe", "learn", "predict", "evaluate", "growth"}
)
"""Stages that load torch."""
CACHE = 32_000
"""Megabytes for a training's images at most: they are a memory map, of which as much stays in
memory as there is room for."""
SNAKEMAKE = 500
"""Megabytes of Snakemake, which runs twice beside every cluster job's script."""
STARTUP = 5
"""Minutes for imports from a busy file system and for opening the inputs."""


@dataclass(frozen=True)
class Needs:
    """A request: megabytes of memory, and minutes."""

    megabytes: int
    minutes: int

    @classmethod
    def of_all(cls, several: Sequence["Needs"]) -> "Needs":
        """Return the request of a job that makes several artefacts one after the other."""
        megabytes = max(one.megabytes for one in several)
        # Each counts the start of a job, which this one has once.
        minutes = sum(one.minutes for one in several) - STARTUP * (len(several) - 1)
        return cls(megabytes, max(minutes, STARTUP))

    def grown(self, attempt: int, largest: int = 0) -> "Needs":
        """Return the request of the n-th attempt: n times as much.

        Args:
            attempt: counts from one.
            largest: megabytes of the largest node, which no retry exceeds; 0 for no limit.
        """
        megabytes = self.megabytes * attempt
        return Needs(min(megabytes, largest or megabytes), self.minutes * attempt)


def gains_from_gpu(planned: Planned) -> bool:
    """Return True if a network is trained or evaluated; all else takes a CPU seconds."""
    stage = planned.identity.stage
    if stage in {"learn", "predict"}:
        return "images" in planned.inputs  # else of embeddings, in seconds
    if stage == "pretrain":
        recipe = ENCODERS.adapter().validate_python(planned.identity.recipe["encoder"])
        return isinstance(recipe, Trained)
    if stage in {"embed", "score", "probe"}:
        return not isinstance(_encoder(planned), Pca | Given)
    return False


def estimate(planned: Planned, facts: Facts, device: str, cores: int, gpus: int = 1) -> Needs:
    """Estimate from the recipe what making an artefact takes.

    Args:
        planned: the artefact; its recipe and those of its inputs hold the numbers needed.
        facts: of the images of its pool, or of the data set that is read.
        device: ``cpu`` or ``gpu``: what the job will compute on.
        cores: cores that the job will have.
        gpus: GPUs that it will have, each with a process of its own.
    """
    megabytes, flops, steps = _ESTIMATES[planned.identity.stage](planned, facts, device)
    seconds = _seconds(flops, steps, device, cores, gpus)
    kind = device if planned.identity.stage in NETWORKS else "plain"
    return Needs(
        _round_up(gpus * LIBRARIES[kind] + SNAKEMAKE + 1.5 * megabytes, 500),
        _round_up(STARTUP + 2 * seconds / 60, 5),
    )


def estimate_seconds(planned: Planned, facts: Facts, device: str) -> float:
    """Estimate the seconds that an artefact takes one core or one GPU, with room to spare.

    Args:
        planned: the artefact.
        facts: of the images of its pool, or of the data set that is read.
        device: ``cpu`` or ``gpu``.
    """
    _, flops, steps = _ESTIMATES[planned.identity.stage](planned, facts, device)
    return _seconds(flops, steps, device, cores=1, gpus=1)


def _seconds(flops: float, steps: int, device: str, cores: int, gpus: int) -> float:
    if device == "gpu":
        return flops / (GPU * gpus) + steps * GPU_STEP
    return flops / (CPU * cores)


def estimate_ranking(embeddings: Planned, facts: Facts) -> Needs:
    """Estimate what the ranking of a user's own images takes, with their embeddings in memory."""
    numbers = facts.sizes["candidates"] * _encoder(embeddings).dim
    megabytes = 4 * FLOAT * numbers / MEGABYTE
    return Needs(_round_up(LIBRARIES["plain"] + SNAKEMAKE + 1.5 * megabytes, 500), 30)


def from_records(records: Iterable[Mapping[str, Any]], device: str, gpus: int = 1) -> Needs | None:
    """Return what earlier runs of a recipe needed on this kind of device, with room to spare.

    Args:
        records: ``made`` of the manifests: ``seconds``, ``peak_mb``, ``gpu`` (its name), ``gpus``,
            and ``resumed``: whether a part was done by an earlier job, so that the seconds say
            little.
        device: ``cpu`` or ``gpu``; records of the other kind say nothing.
        gpus: how many the job asks for; records of another number say nothing either.
    """
    alike = [
        record
        for record in records
        if bool(record.get("gpu")) == (device == "gpu")
        and (device == "cpu" or record.get("gpus", 1) == gpus)
        and None not in (record.get("seconds"), record.get("peak_mb"))
        and not record.get("resumed")
    ]
    if not alike:
        return None
    return Needs(
        _round_up(SNAKEMAKE + 1.3 * max(record["peak_mb"] for record in alike), 500),
        _round_up(STARTUP + 2 * max(record["seconds"] for record in alike) / 60, 5),
    )


def _round_up(number: float, step: int) -> int:
    return math.ceil(number / step) * step


# Each returns megabytes beyond the libraries, floating-point operations, and steps.
_Estimate = tuple[float, float, int]


def _ingest(planned: Planned, facts: Facts, _device: str) -> _Estimate:
    megabytes = sum(facts.sizes.values()) * math.prod(facts.shape) / MEGABYTE
    minutes = 20 + megabytes / 60  # reading, or a download at 1 MB/s
    # Streamed, whatever the size; but files of a folder are decoded several at a time, as large as
    # they are.
    decoding = 1000 if planned.identity.recipe.get("source") == "folder" else 200
    return decoding, minutes * 60 * CPU, 0


def _pool(_planned: Planned, _facts: Facts, _device: str) -> _Estimate:
    return 200, 0.0, 0


def _pretrain(planned: Planned, facts: Facts, device: str) -> _Estimate:
    recipe = ENCODERS.adapter().validate_python(planned.identity.recipe["encoder"])
    count, shape = facts.sizes["unlabeled"], facts.shape
    pixels = count * math.prod(shape)
    if isinstance(recipe, Pca):
        return 4 * FLOAT * pixels / MEGABYTE, 100.0 * pixels * recipe.components, 0
    if not isinstance(recipe, Trained):  # weights of up to a gigabyte: the file's and the network's
        return 2000, 60 * CPU, 0
    batch, parts, of_an_epoch = recipe.steps(count)
    steps = recipe.epochs * of_an_epoch * parts
    megabytes = min(2 * pixels / MEGABYTE, CACHE)
    views = [[*size_of(view, (shape[0], shape[1])), shape[2]] for view in recipe.views]
    if device == "cpu":
        megabytes += sum(_activations(recipe, view, recipe.forwards * batch) for view in views)
    return megabytes, steps * batch * _training(recipe, views), steps


def _embed(planned: Planned, facts: Facts, device: str) -> _Estimate:
    described = planned.identity.recipe
    recipe = Embedding.model_validate({name: described[name] for name in Embedding.model_fields})
    count = facts.sizes["candidates"] + facts.sizes.get("test", 0)
    return _forward(planned, facts.shape, count, device, recipe.batch_size, passes=1)


def _score(planned: Planned, facts: Facts, device: str) -> _Estimate:
    names = Score.model_fields.keys() & planned.identity.recipe.keys()
    recipe = Score.model_validate({name: planned.identity.recipe[name] for name in names})
    count = facts.sizes["candidates"]
    return _forward(planned, facts.shape, count, device, recipe.batch_size, recipe.rounds)


def _forward(
    planned: Planned, shape: list[int], count: int, device: str, batch: int, passes: int
) -> _Estimate:
    encoder = _encoder(planned)
    pixels = count * math.prod(shape)
    megabytes = (2 * pixels + 3 * FLOAT * count * encoder.dim) / MEGABYTE
    flops = 2.0 * encoder.macs(*shape)
    if isinstance(encoder, Trained):
        # Scored by a gradient's norm, at most, and in views that no crop makes smaller.
        flops = _training(encoder, [shape] * len(encoder.views))
    if device == "cpu":
        # A gradient's norm takes a layer's unfolded input and output gradients at a time.
        megabytes += 3 * _activations(encoder, shape, 2 * batch)
    return megabytes, passes * count * flops, passes * math.ceil(count / batch)


def _probe(planned: Planned, facts: Facts, device: str) -> _Estimate:
    recipe = Probe.model_validate(planned.identity.recipe)
    encoder = _encoder(planned)
    many = encoder.snapshots + 2 if isinstance(encoder, Trained) else 1
    count = facts.sizes["candidates"] + facts.sizes["test"]
    megabytes, flops, steps = _forward(
        planned, facts.shape, count, device, recipe.batch_size, passes=many
    )
    # The linear classifier is fitted on the CPU in any case: some 300 products with all embeddings.
    fitting = many * 600.0 * count * encoder.dim * facts.classes
    return megabytes, flops + fitting * (GPU / CPU if device == "gpu" else 1), steps


def _select(planned: Planned, facts: Facts, _device: str) -> _Estimate:
    recipe, inputs = planned.identity.recipe, planned.inputs
    if "embeddings" not in inputs:
        return 300, 60 * CPU, 0
    numbers = facts.sizes["candidates"] * _encoder(inputs["embeddings"]).dim
    # The dearest: KMeans for every budget and seed, some 100 passes over the candidates.
    flops = 200.0 * numbers * sum(recipe["budgets"]) * recipe["trials"]
    return 4 * FLOAT * numbers / MEGABYTE, flops, 0


def _evaluate(planned: Planned, facts: Facts, _device: str) -> _Estimate:
    if "embeddings" not in planned.inputs:  # tables of classifiers, put together
        return 500, 60 * CPU, 0
    dim = _encoder(planned.inputs["embeddings"]).dim
    picks = 0
    for name, selection in planned.inputs.items():
        if name.startswith("selection."):
            chosen = selection.identity.recipe
            asked = "budget" in chosen  # in a cycle, for one budget of one trial
            picks += chosen["budget"] if asked else sum(chosen["budgets"]) * chosen["trials"]
    numbers = (facts.sizes["candidates"] + facts.sizes.get("test", 0)) * dim
    # Some 300 products with each subset until a fit has converged; batches of fits at a time.
    return 500 + 4 * FLOAT * numbers / MEGABYTE, 600.0 * picks * dim * facts.classes, 0


def _growth(planned: Planned, facts: Facts, device: str) -> _Estimate:
    megabytes, flops, _ = _learn(planned, facts, device)
    dim = _encoder(planned.inputs["embeddings"]).dim
    fits = 300  # at most, all of whose weights are in memory
    weights = FLOAT * fits * dim * planned.identity.recipe["classes"] / MEGABYTE
    return megabytes + weights, fits * flops, 0


def _learn(planned: Planned, facts: Facts, device: str) -> _Estimate:
    recipe = LEARNERS.adapter().validate_python(planned.identity.recipe["learner"])
    labelled, shape = planned.identity.recipe["budget"], facts.shape
    if not isinstance(recipe, Network):
        dim = _encoder(planned.inputs["embeddings"]).dim
        megabytes = 2 * FLOAT * facts.sizes["candidates"] * dim / MEGABYTE
        return megabytes, 600.0 * labelled * dim * planned.identity.recipe["classes"], 0
    unlabelled = facts.sizes["unlabeled"]
    images = recipe.images(labelled, unlabelled)
    recipe = recipe.settled(images)
    batch, parts, of_an_epoch = recipe.steps(images)
    steps = recipe.epochs * of_an_epoch * parts
    # The channels' statistics are of all images.
    megabytes = min(unlabelled * math.prod(shape) / MEGABYTE, CACHE)
    beside = [one for one in recipe.streams().values() if isinstance(one, Trained)]
    views = [
        [*size_of(view, (shape[0], shape[1])), shape[2]] for one in beside for view in one.views
    ]
    seen = max([batch, *(one.batch_size for one in beside)])
    if device == "cpu":
        megabytes += recipe.forwards * _activations(recipe, shape, batch)
        megabytes += sum(_activations(recipe, view, seen) for view in views)
    macs = recipe.macs(*shape)
    flops = 3 * 2.0 * recipe.forwards * macs * batch + seen * sum(
        _training(one, views) for one in beside
    )
    return megabytes, steps * flops, steps


def _predict(planned: Planned, facts: Facts, device: str) -> _Estimate:
    made, outputs = planned.inputs["model.0"].identity.recipe, planned.identity.recipe["outputs"]
    recipe = LEARNERS.adapter().validate_python(made["learner"])
    how = Prediction.model_validate(planned.identity.recipe["prediction"])
    splits = {split for several in outputs.values() for split in several}
    count, shape = sum(facts.sizes.get(split, 0) for split in splits), facts.shape
    votes = how.members * how.passes
    megabytes = 8.0 * count * facts.classes * votes / MEGABYTE
    if not isinstance(recipe, Network):
        dim = _encoder(planned.inputs["embeddings"]).dim
        return megabytes + 2 * FLOAT * count * dim / MEGABYTE, 2.0 * count * dim * facts.classes, 0
    megabytes += (2 * count * math.prod(shape) + FLOAT * count * recipe.dim) / MEGABYTE
    if device == "cpu":
        megabytes += _activations(recipe, shape, recipe.batch_size)
    flops = votes * count * 2.0 * recipe.macs(*shape)
    return megabytes, flops, votes * count // recipe.batch_size


def _query(planned: Planned, facts: Facts, device: str) -> _Estimate:
    asked = [one for name, one in planned.inputs.items() if name not in ("index", "selection")]
    if not asked:  # nothing is read, so nothing is computed
        return 0, 0, 0
    dim = 512  # of an embedding, as a rule; of other tables less
    numbers = facts.sizes["candidates"] * dim
    megabytes = 4 * FLOAT * numbers / MEGABYTE
    if not any(_has_embeddings(one) for one in asked):
        return megabytes, 100.0 * numbers, 0  # candidates are sorted by a number of each
    # The sampler's own work, which is the CPU's.
    return megabytes, 200.0 * numbers * planned.identity.recipe["budget"], 0


def _has_embeddings(planned: Planned) -> bool:
    """Return True if a table has embeddings, of an encoder or of a learner's models."""
    stage, recipe = planned.identity.stage, planned.identity.recipe
    return stage == "embed" or (stage == "predict" and "embeddings" in recipe["outputs"])


_ESTIMATES = {
    "images": _ingest,
    "labels": _ingest,
    "pool": _pool,
    "pretrain": _pretrain,
    "embed": _embed,
    "score": _score,
    "select": _select,
    "evaluate": _evaluate,
    "growth": _growth,
    "learn": _learn,
    "predict": _predict,
    "query": _query,
    "probe": _probe,
}


def _encoder(planned: Planned) -> Encoder:
    """The encoder that embeddings are of; those of a file have no checkpoint."""
    made_by = planned.inputs.get("checkpoint", planned)
    return ENCODERS.adapter().validate_python(made_by.identity.recipe["encoder"])


def _training(recipe: Trained, views: list[list[int]]) -> float:
    """Operations for one image in one step: views of these shapes, there, back and to a target."""
    return recipe.forwards * (3 + 1) * 2.0 * sum(recipe.macs(*view) for view in views)


def _activations(recipe: Encoder | Training, shape: list[int], images: int) -> float:
    """Megabytes that a backward pass needs: a convolution's output, normalised, and rectified."""
    return 3 * FLOAT * images * recipe.activations(*shape) / MEGABYTE
