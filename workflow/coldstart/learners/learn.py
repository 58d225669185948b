"""One model, trained on the labels that a budget has bought."""

import importlib

from coldstart.config.recipes.learners.base import LEARNERS, learning_module
from coldstart.learners.labels import KNOWN, buy, write_known
from coldstart.running.job import Job


def make(job: Job) -> None:
    """``model.safetensors``, ``history.parquet`` and ``known.parquet`` (id, label)."""
    bought = buy(job.inputs["selection"], job.inputs["labels"], job.recipe)
    write_known(bought, job.out / KNOWN)
    recipe = LEARNERS.adapter().validate_python(job.recipe["learner"])
    importlib.import_module(learning_module(recipe)).learn(job, recipe, bought)
