"""The next cycle's labels: a sampler asks what a classifier makes of the candidates, and picks."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import TypeAdapter

from coldstart.config.learners import Classifier as Recipe
from coldstart.config.scores import Embedding
from coldstart.cycles.classifier import load
from coldstart.cycles.labels import labelled_rows
from coldstart.cycles.learn import MODEL
from coldstart.data.read import read_ids, read_images
from coldstart.embeddings.embed import embed
from coldstart.jobs import Job
from coldstart.selection.base import Sampler, Tables
from coldstart.selection.registry import sampler_class
from coldstart.ssl.device import chosen_device


def make(job: Job) -> None:
    """``selection.parquet`` as ``select`` writes it, of one draw (0) and one budget.

    It holds all labels of that budget: those of the cycles before, and after them the new picks.
    """
    described = job.recipe["sampler"]
    sampler: Sampler = TypeAdapter(sampler_class(described["sampler"])).validate_python(described)
    before = labelled_rows(job.inputs["selection"], job.recipe)
    ids = read_ids(job.inputs["index"], "candidates")
    tables = Tables(ids, _embeddings(job, ids), labelled=before["id"].to_numpy())
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


def _embeddings(job: Job, ids: NDArray[np.int64]) -> NDArray[np.float32]:
    """The classifier's embeddings of the candidates, [n, dim]."""
    learner = job.inputs["learner"]
    made = learner.manifest["recipe"]
    recipe = Recipe.model_validate(made["learner"])
    device = chosen_device(job.settings)
    images = read_images(job.inputs["images"], ids)
    model = load(learner.path(MODEL), recipe, images.shape[1:], made["classes"], device)
    return embed(model.encoder, images, Embedding(batch_size=recipe.batch_size), device)
