"""Artefacts of a small pool of handwritten digits, as the store would open them."""

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits

from coldstart.config.recipes.learners import Classifier
from tests.helpers.jobs import artefact_in, make_job

COUNT = 400
CANDIDATES = range(300)
PICKED = [7, 3, 250, 11, 40, 41, 42, 100, 101, 102, 130, 131, 160, 161, 162, 200]
RECIPE = Classifier.model_validate(
    {
        "learner": "classifier",
        "backbone": {"family": "resnet", "stem": "half", "widths": [8, 16], "blocks": [1, 1]},
        "views": [{"transforms": [{"op": "shift", "pixels": 1}]}],
        "optimizer": {"name": "sgd", "lr": 0.05, "schedule": "cosine"},
        "epochs": 5,
        "batch_size": 4,
    }
)


class Pool:
    """Files in a folder, and jobs on them."""

    def __init__(self, folder):
        self.folder = folder
        digits = load_digits()
        self.images = np.minimum(digits.images[:COUNT] * 16, 255).astype(np.uint8)[..., None]
        self.labels = digits.target[:COUNT].astype(np.int64)
        np.save(folder / "images.npy", self.images)
        split = np.where(np.isin(np.arange(COUNT), CANDIDATES), "candidates", "test")
        index = pd.DataFrame({"id": np.arange(COUNT), "split": split})
        unlabeled = index[index["split"] == "candidates"].assign(split="unlabeled")
        pd.concat([index, unlabeled]).to_parquet(folder / "index.parquet")
        self.know(self.labels)
        self.pick({0: PICKED, 1: PICKED[::-1][:12]})

    def know(self, labels):
        """Set the labels; a missing one is of no class."""
        table = pd.DataFrame({"id": np.arange(COUNT), "label": pd.array(labels, dtype="Int64")})
        table.to_parquet(self.folder / "labels.parquet")

    def pick(self, draws):
        """Set the selection: ids by draw; a budget of 2 beside the whole."""
        frames = [
            pd.DataFrame({"rank": range(budget), "id": ids[:budget]}).assign(
                seed=seed, budget=budget, score=1.0
            )
            for seed, ids in draws.items()
            for budget in (2, len(ids))
        ]
        pd.concat(frames).sample(frac=1, random_state=0).to_parquet(
            self.folder / "selection.parquet"
        )

    def job(self, out="out", inputs=(), **recipe):
        """A job whose inputs are the files of this folder."""
        files = dict.fromkeys(("images", "index", "labels", "selection"), artefact_in(self.folder))
        recipe = {"encoder_seed": 0, "trial": 0, "labels": len(PICKED), "draw": 0} | recipe
        return make_job(self.folder / out, recipe, files | dict(inputs))

    def learner(self, out="out", inputs=(), **recipe):
        """A job that trains a classifier."""
        return self.job(out, inputs, learner=RECIPE.model_dump(), classes=10, **recipe)
