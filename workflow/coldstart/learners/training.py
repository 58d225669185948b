"""The training of networks on labelled images and, if a learner does so, on all images."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from coldstart.config.recipes.learners.base import LEARNERS, Network
from coldstart.data.read import read_ids
from coldstart.embeddings.model import read_model
from coldstart.learners.beside import Beside, whole_pool
from coldstart.learners.labels import Bought
from coldstart.learners.networks import MODEL, build_network
from coldstart.running.job import Job
from coldstart.store import Artefact
from coldstart.training.checkpoint import load_tensors, read_tensors, save_tensors
from coldstart.training.device import chosen_device
from coldstart.training.images import Images, channel_statistics
from coldstart.training.model import LABELLED, Inputs, Trainable
from coldstart.training.resume import Keeper, fingerprint
from coldstart.training.streams import Stream
from coldstart.training.trainer import Trainer


def learn(job: Job, recipe: Network, bought: Bought) -> None:
    """Train a network on the labelled images and, if its recipe says so, on all without a label.

    Writes ``model.safetensors`` and ``history.parquet``, which has a row per epoch as
    ``Trainer.run`` describes it.
    """
    device = chosen_device(job.settings)
    pool = Images.open(
        job.inputs["images"].path("images.npy"), read_ids(job.inputs["index"], "unlabeled")
    )
    height, width, channels = pool.shape[1:]
    inputs = Inputs(height, width, channels, *channel_statistics(pool))
    seed = training_seed(job.recipe)
    model = build_network(recipe, inputs, job.recipe["classes"], seed)
    start = job.inputs.get("start")
    if start is not None:
        _start(model, recipe, start, pool.shape[1:])
    labelled = Images(pool.array, bought.ids)
    choose = getattr(LEARNERS.load(recipe), "beside", whole_pool)
    others: Beside = choose(job, recipe, bought, pool, seed)
    streams = _streams(recipe, labelled, bought.labels, others)
    recipe = recipe.settled(len(next(iter(streams.values())).images))
    keeper = Keeper(job.resume, _name(recipe, seed, streams, bought, start, others))
    history = Trainer(
        model, streams, recipe, seed, device, keeper, on_gpu=job.settings.images_on_gpu
    ).run()
    history.to_parquet(job.out / "history.parquet", index=False)
    save_tensors(model, job.out / MODEL)


def training_seed(recipe: Mapping[str, Any]) -> int:
    """Derive the seed of all that is random in the training of one member in one trial."""
    key = (recipe["encoder_seed"], recipe["trial"])
    member = recipe["member"]
    return int(np.random.SeedSequence((*key, member) if member else key).generate_state(1)[0])


def _start(model: Trainable, recipe: Network, start: Artefact, shape: Sequence[int]) -> None:
    """Give a model the weights that its recipe starts from."""
    if recipe.start == "encoder":
        encoder, _ = read_model(start, shape, torch.device("cpu"))
        model.encoder.load_state_dict(encoder.encoder.state_dict())
    else:
        path = start.path(MODEL)
        load_tensors(model, read_tensors(path), path)


def _streams(
    recipe: Network, labelled: Images, labels: NDArray[np.int64], others: Beside
) -> dict[str, Stream]:
    """Return the streams that the recipe names; the first one counts the epochs."""
    known = torch.from_numpy(labels)
    return {
        name: Stream(labelled, training.views, training.batch_size, known)
        if name == LABELLED
        else Stream(others.images, training.views, training.batch_size, others.labels)
        for name, training in recipe.streams().items()
    }


def _name(
    recipe: Network,
    seed: int,
    streams: Mapping[str, Stream],
    bought: Bought,
    start: Artefact | None,
    others: Beside,
) -> str:
    """Name a training by all that decides its outcome."""
    digest = hashlib.blake2b(bought.ids.tobytes(), digest_size=8)
    digest.update(bought.labels.tobytes())
    digest.update(start.key.encode() if start is not None else b"")
    digest.update(others.images.rows.tobytes())
    first = next(iter(streams.values()))
    return f"{fingerprint(recipe, seed, first.images)} {digest.hexdigest()}"
