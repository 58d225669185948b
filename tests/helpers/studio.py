"""Artefacts that figures read, published for a test."""

import numpy as np
import pandas as pd

from coldstart.embeddings.tables import write_embeddings
from coldstart.figures.data import Shown
from coldstart.store import Identity, Store

DIGITS = [str(digit) for digit in range(10)]


class Studio:
    """Publishes the inputs of figures in a real store, and opens them as a figure's job does."""

    def __init__(self, folder):
        self.store, self.keys, self.runs = Store(folder / "store"), {}, {}
        self.tables = []
        self.folder = folder

    def run(
        self, name, samplers, encoder="byol-digits", pool="biased-digits", classes=DIGITS, **more
    ):
        described = {"pool": pool, "encoder": encoder, "samplers": samplers, "classes": classes}
        described |= {"candidates": 400, "training_images": 500}
        self.runs[name] = described | more
        return self

    def metrics(self, run, seed, rows):
        """Publish rows of sampler, trial, budget, metric, label and value."""
        columns = ["sampler", "trial", "budget", "metric", "label", "value"]

        def write(out):
            table = pd.DataFrame(rows, columns=columns).astype({"label": "Int64", "value": float})
            table.to_parquet(out / "metrics.parquet", index=False)

        return self._publish(f"metrics/{run}/{seed}", write)

    def selection(self, run, seed, sampler, ids, budgets, trials=1):
        """Publish the first of ``ids`` for each budget, shifted by one for each trial."""
        rows = [
            {"trial": at, "budget": budget, "rank": rank, "id": ids[rank + at], "score": -rank / 2}
            for at in range(trials)
            for budget in budgets
            for rank in range(budget)
        ]

        def write(out):
            pd.DataFrame(rows).to_parquet(out / "selection.parquet", index=False)

        return self._publish(f"selections/{run}/{seed}/{sampler}", write)

    def cycle(self, run, seed, sampler, trial, budget, ids, scores=0.0):
        """Publish the labelled set of one cycle."""
        rows = {"trial": trial, "budget": budget, "rank": range(budget), "id": ids, "score": scores}

        def write(out):
            pd.DataFrame(rows).to_parquet(out / "selection.parquet", index=False)

        return self._publish(f"cycles/{run}/{seed}/{sampler}/{trial}/{budget}", write)

    def embeddings(self, run, seed, ids, splits, embeddings):
        def write(out):
            write_embeddings(out / "embeddings.parquet", ids, splits, embeddings)

        return self._publish(f"embeddings/{run}/{seed}", write)

    def images(self, run, images):
        def write(out):
            np.save(out / "images.npy", images)
            items = pd.DataFrame({"id": np.arange(len(images)), "part": "all"})
            items.to_parquet(out / "items.parquet", index=False)

        return self._publish(f"images/{run}", write)

    def labels(self, run, labels):
        def write(out):
            table = pd.DataFrame({"id": np.arange(len(labels)), "label": labels})
            table.to_parquet(out / "labels.parquet", index=False)

        return self._publish(f"labels/{run}", write)

    def paper(self, text):
        path = self.folder / "paper.csv"
        path.write_text("# A paper, its table\n" + text)
        self.tables = [str(path)]
        return self

    def shown(self):
        return Shown.gather(self.keys, self.runs, self.tables, self.store)

    def _publish(self, name, write, recipe=None):
        identity = Identity("test", {"name": name, **(recipe or {})}, {}, "c" * 64)
        with self.store.publishing(identity) as out:
            write(out)
        self.keys[name] = identity.key
        return self
