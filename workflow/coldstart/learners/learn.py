"""One model, trained on the labels that a budget has bought, or on those that are given."""

import importlib

from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.learners.base import LEARNERS, learning_module
from coldstart.learners.labels import KNOWN, LEAST_LABELS, buy, given, write_known
from coldstart.running.job import Job


def make(job: Job) -> None:
    """``model.safetensors``, ``history.parquet`` and ``known.parquet`` (id, label)."""
    if "labelled" in job.inputs:
        bought = given(job.inputs["labelled"], job.inputs["index"])
        if len(bought.ids) < LEAST_LABELS:
            raise ColdstartError(
                f"{len(bought.ids)} of the labels given are of images that could be read; a "
                f"classifier is trained on {LEAST_LABELS} or more: label further images"
            )
    else:
        bought = buy(job.inputs["selection"], job.inputs["labels"], job.recipe)
    write_known(bought, job.out / KNOWN)
    recipe = LEARNERS.adapter().validate_python(job.recipe["learner"])
    importlib.import_module(learning_module(recipe)).learn(job, recipe, bought)
