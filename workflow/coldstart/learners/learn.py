"""One model, trained on the labels that a budget has bought, or on those that are given."""

import importlib

from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.learners.base import LEARNERS, learning_module
from coldstart.learners.labels import KNOWN, buy, given, write_known
from coldstart.running.job import Job


def make(job: Job) -> None:
    """``model.safetensors``, ``history.parquet`` and ``known.parquet`` (id, label)."""
    if "labelled" in job.inputs:
        bought = given(job.inputs["labelled"], job.inputs["index"])
        if not len(bought.ids):  # with one, the classifier knows its class alone
            raise ColdstartError(
                "none of the images that have a label could be read, so that no classifier can be "
                "trained: label others, or leave out `labelled`"
            )
    else:
        bought = buy(job.inputs["selection"], job.inputs["labels"], job.recipe)
    write_known(bought, job.out / KNOWN)
    recipe = LEARNERS.adapter().validate_python(job.recipe["learner"])
    importlib.import_module(learning_module(recipe)).learn(job, recipe, bought)
