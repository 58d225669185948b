"""The next cycle's labels: a sampler asks what a classifier makes of the candidates, and picks."""

from dataclasses import replace

import numpy as np
import pandas as pd

from coldstart.config.recipes.learners import Classifier as Recipe
from coldstart.config.recipes.scores import Embedding
from coldstart.data.read import read_ids, read_images
from coldstart.embeddings.embed import embed
from coldstart.learners.classifier import load
from coldstart.learners.labels import labelled_rows
from coldstart.learners.learn import MODEL, predict
from coldstart.running.job import Job
from coldstart.selection.base import SAMPLERS, Tables
from coldstart.training.device import chosen_device


def make(job: Job) -> None:
    """``selection.parquet`` as ``select`` writes it, of one draw (0) and one budget.

    It holds all labels of that budget: those of the cycles before, and after them the new picks.
    """
    sampler = SAMPLERS.adapter().validate_python(job.recipe["sampler"])
    before = labelled_rows(job.inputs["selection"], job.recipe)
    ids = read_ids(job.inputs["index"], "candidates")
    tables = _answers(job, Tables(ids, labelled=before["id"].to_numpy()), sampler.reads)
    budget = job.recipe["budget"]
    rng = np.random.default_rng((job.recipe["encoder_seed"], job.recipe["trial"], budget))
    picks = sampler.query(tables, budget - len(before), rng)
    pd.DataFrame(
        {
            "seed": 0,
            "budget": budget,
            "rank": np.arange(budget),
            "id": np.concatenate([before["id"], picks.ids]),
            "score": np.concatenate([before["score"], picks.scores]),
        }
    ).to_parquet(job.out / "selection.parquet", index=False)


def _answers(job: Job, tables: Tables, asked: frozenset[str]) -> Tables:
    """Add what the classifier makes of the candidates, as much of it as is asked for."""
    if not asked:  # then no classifier is among the inputs
        return tables
    learner = job.inputs["learner"]
    made = learner.manifest["recipe"]
    recipe = Recipe.model_validate(made["learner"])
    device = chosen_device(job.settings)
    images = read_images(job.inputs["images"], tables.ids)
    model = load(learner.path(MODEL), recipe, images.shape[1:], made["classes"], device)
    if "embeddings" in asked:
        settings = Embedding(batch_size=recipe.batch_size)
        tables = replace(tables, embeddings=embed(model.encoder, images, settings, device))
    if "predictions" in asked:
        predictions = predict(model, images, recipe.batch_size, device)
        tables = replace(tables, predictions=predictions)
    return tables
