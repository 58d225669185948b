"""Pretraining: one encoder from the unlabeled images of a pool."""

import torch

from coldstart.config.recipes.encoders import ENCODERS
from coldstart.config.recipes.encoders.from_file import FromFile
from coldstart.data.read import read_ids
from coldstart.running.job import Job
from coldstart.ssl.encoders import pretrain, write_encoder
from coldstart.ssl.start import Start
from coldstart.training.device import chosen_device
from coldstart.training.images import Images


def make(job: Job) -> None:
    """``model.safetensors``, ``history.parquet`` and snapshots, as ``pretrain`` writes them."""
    recipe = ENCODERS.adapter().validate_python(job.recipe["encoder"])
    if isinstance(recipe, FromFile):
        model, history = ENCODERS.load(recipe).read(recipe, job.settings)
        write_encoder(model, history, job.out)
        return
    device = chosen_device(job.settings)
    ids = read_ids(job.inputs["index"], "unlabeled")
    begun = job.inputs.get("start")
    pretrain(
        Images.open(job.inputs["images"].path("images.npy"), ids),
        recipe,
        job.recipe["seed"],
        device,
        job.resume,
        job.out,
        min(job.gpus, torch.cuda.device_count()) if device.type == "cuda" else 1,
        job.settings.images_on_gpu,
        Start.of(begun.folder, begun.manifest["recipe"]["encoder"]) if begun else None,
    )
