"""Pretraining: one encoder from the unlabeled images of a pool."""

from pydantic import TypeAdapter

from coldstart.config.encoders import Encoder
from coldstart.data.read import read_split
from coldstart.jobs import Job
from coldstart.ssl.device import resolve_device
from coldstart.ssl.pretrain import pretrain


def make(job: Job) -> None:
    """``model.safetensors`` and ``history.parquet``, as ``pretrain`` writes them."""
    images, _ = read_split(job.inputs["images"], job.inputs["index"], "unlabeled")
    pretrain(
        images,
        TypeAdapter(Encoder).validate_python(job.recipe["encoder"]),
        job.recipe["seed"],
        resolve_device(job.settings.device),
        job.resume,
        job.out,
    )
