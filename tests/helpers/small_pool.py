"""Artefacts of a small pool of handwritten digits, and jobs on them."""

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits

from coldstart.config.recipes.learners.classifier import Classifier
from coldstart.config.recipes.predictions import Prediction
from coldstart.learners import learn, predict
from coldstart.selection import select
from tests.helpers.jobs import artefact_in, make_job

COUNT = 400
CANDIDATES = range(300)
TEST = range(300, 400)
PICKED = [7, 3, 250, 11, 40, 41, 42, 100, 101, 102, 130, 131, 160, 161, 162, 200]
SETTINGS = {
    "learner": "classifier",
    "backbone": {"family": "resnet", "stem": "half", "widths": [8, 16], "blocks": [1, 1]},
    "views": [{"transforms": [{"op": "shift", "pixels": 1}]}],
    "optimizer": {"name": "sgd", "lr": 0.05, "schedule": "cosine"},
    "epochs": 5,
    "batch_size": 4,
}
RECIPE = Classifier.model_validate(SETTINGS)


class Pool:
    """Files in a folder, and jobs on them."""

    def __init__(self, folder):
        self.folder = folder
        digits = load_digits()
        self.images = np.minimum(digits.images[:COUNT] * 16, 255).astype(np.uint8)[..., None]
        self.labels = digits.target[:COUNT].astype(np.int64)
        for name in ("images", "index", "labels", "selection"):
            (folder / name).mkdir()
        np.save(folder / "images/images.npy", self.images)
        split = np.where(np.isin(np.arange(COUNT), CANDIDATES), "candidates", "test")
        index = pd.DataFrame({"id": np.arange(COUNT), "split": split})
        unlabeled = index[index["split"] == "candidates"].assign(split="unlabeled")
        pd.concat([index, unlabeled]).to_parquet(folder / "index/index.parquet")
        self.know(self.labels)
        self.pick({0: PICKED, 1: PICKED[::-1][:12]})

    def know(self, labels):
        """Set the labels; a missing one is of no class."""
        table = pd.DataFrame({"id": np.arange(COUNT), "label": pd.array(labels, dtype="Int64")})
        table.to_parquet(self.folder / "labels/labels.parquet")

    def pick(self, trials):
        """Set the selection: ids by trial; a budget of 2 beside the whole."""
        frames = [
            pd.DataFrame({"rank": range(budget), "id": ids[:budget]}).assign(
                trial=trial, budget=budget, score=1.0
            )
            for trial, ids in trials.items()
            for budget in (2, len(ids))
        ]
        pd.concat(frames).sample(frac=1, random_state=0).to_parquet(
            self.folder / "selection/selection.parquet"
        )

    def job(self, out, inputs, recipe):
        """A job on artefacts by their folders' names, or on given ones."""
        opened = {
            name: artefact_in(self.folder / one) if isinstance(one, str) else one
            for name, one in inputs.items()
        }
        return make_job(self.folder / out, recipe, opened)

    def learn(self, out="model", learner=RECIPE, selection="selection", start=None, **recipe):
        """Train a model in a job, and return it as an artefact."""
        described = {"encoder_seed": 0, "trial": 0, "member": 0, "budget": len(PICKED)}
        described |= {"learner": learner.model_dump(), "classes": 10} | recipe
        inputs = dict.fromkeys(("images", "index", "labels"), "") | {"selection": selection}
        inputs = {name: one or name for name, one in inputs.items()}
        learn.make(self.job(out, inputs | ({"start": start} if start else {}), described))
        return artefact_in(self.folder / out, described)

    def predict(self, *models, out="asked", outputs=None, **prediction):
        """Ask models in a job, and return their tables as an artefact."""
        described = {
            "prediction": Prediction(members=len(models), **prediction).model_dump(),
            "outputs": outputs or {"embeddings": ["candidates"], "votes": ["candidates"]},
            "encoder_seed": 0,
            "trial": 0,
        }
        inputs = {"images": "images", "index": "index"}
        inputs |= {f"model.{number}": model for number, model in enumerate(models)}
        predict.make(self.job(out, inputs, described))
        return artefact_in(self.folder / out, described)

    def query(self, sampler, inputs=None, out="picked", **recipe):
        """Ask a sampler in a job, and return its picks as a table and as an artefact."""
        described = {"encoder_seed": 0, "trial": 0, "budget": 24, "before": len(PICKED)} | recipe
        given = {"index": "index", "selection": "selection"} | (inputs or {})
        select.make_query(self.job(out, given, described | {"sampler": sampler}))
        table = pd.read_parquet(self.folder / out / "selection.parquet")
        return table, artefact_in(self.folder / out)
