"""The data of figures and tables, gathered from the store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.budgets import of_run
from coldstart.config.recipes.comparisons import Blocked, Compared
from coldstart.config.recipes.figures.paired_differences import PairedDifferences
from coldstart.config.recipes.targets import Series
from coldstart.data.read import label_table, open_images, read_images, read_labels
from coldstart.data.unclassed import OUTLIER, UNLABELLED
from coldstart.embeddings.tables import read_embeddings
from coldstart.figures.style import run_titles
from coldstart.statistics.blocks import Blocks, arrange
from coldstart.store import Artefact, Store

CLASSLESS = {OUTLIER: "outlier", UNLABELLED: "unlabelled"}
"""Names of images without a class, in the place of a class's name."""


@dataclass(frozen=True)
class Shown:
    """All that one figure or table may read.

    Attributes:
        artefacts: by ``metrics/<run>/<encoder seed>``, ``probes/<run>/<encoder seed>``,
            ``growth/<run>/<encoder seed>``,
            ``selections/<run>/<encoder seed>/<sampler>``,
            ``cycles/<run>/<encoder seed>/<sampler>/<trial>/<budget>``,
            ``embeddings/<run>/<encoder seed>``, ``images/<run>``, ``labels/<run>`` and
            ``labelled/<run>``; only those that the kind of figure declares, and labels only of a
            data set that has some.
        runs: for each run its ``pool``, ``encoder``, ``samplers`` (in the study's order) and
            ``classes`` (names by number), ``candidates`` and ``training_images``
            (numbers of images).
        published: the paper's table that the figure shows, where it shows one.
    """

    artefacts: Mapping[str, Artefact]
    runs: Mapping[str, Mapping[str, Any]]
    published: pd.DataFrame | None = field(default=None)

    @classmethod
    def gather(
        cls, keys: Mapping[str, str], runs: Mapping[str, Any], tables: list[str], store: Store
    ) -> "Shown":
        """Open and verify everything that the keys name."""
        published = pd.read_csv(Path(tables[0]), comment="#") if tables else None
        return cls({name: store.open(key) for name, key in keys.items()}, runs, published)

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """Tidy: run, pool, encoder, encoder_seed, sampler, seed, budget, metric, label, value."""
        table = self._tables("metrics", "metrics.parquet")
        wanted = [(run, name) for run, told in self.runs.items() for name in told["samplers"]]
        shown = pd.MultiIndex.from_frame(table[["run", "sampler"]]).isin(wanted)
        return table[shown].reset_index(drop=True)

    @cached_property
    def selections(self) -> pd.DataFrame:
        """run, pool, encoder, encoder_seed, sampler, seed, budget, rank, id, score."""
        return self._tables("selections", "selection.parquet")

    @cached_property
    def cycles(self) -> pd.DataFrame:
        """Labelled sets of the cycles, in the same columns as ``selections``."""
        table = self._tables("cycles", "selection.parquet")
        asked = table[["of_trial", "of_budget"]].to_numpy()
        kept = (table["trial"] == asked[:, 0]) | table["alone"]
        table = table[kept & (table["budget"] == asked[:, 1])]
        return table.assign(trial=table["of_trial"]).drop(
            columns=["of_trial", "of_budget", "alone"]
        )

    @cached_property
    def histories(self) -> pd.DataFrame:
        """run, pool, encoder, encoder_seed, and the columns of the history of a training."""
        return self._tables("histories", "history.parquet")

    @cached_property
    def probes(self) -> pd.DataFrame:
        """run, pool, encoder, encoder_seed, epoch (missing without epochs), metric, value."""
        return self._tables("probes", "probes.parquet")

    @cached_property
    def growth(self) -> pd.DataFrame:
        """run, pool, encoder, encoder_seed, id, labels, right (share of the repetitions)."""
        return self._tables("growth", "growth.parquet")

    def values(
        self,
        metric: str,
        label: int | None = None,
        budgets: Sequence[int] | None = None,
        run: str | None = None,
    ) -> pd.DataFrame:
        """The rows of one metric, optionally of one class, some budgets or one run.

        Raises:
            ColdstartError: there are none; the message says what there is.
        """
        table = self.metrics if run is None else self.metrics[self.metrics["run"] == run]
        for column, wanted in (("metric", [metric]), ("label", [label]), ("budget", budgets)):
            if wanted is None or wanted == [None]:
                continue
            there = table[column].dropna().unique()
            table = table[table[column].isin(wanted)]
            if table.empty:
                asked, runs = ", ".join(map(str, wanted)), run or ", ".join(self.runs)
                raise ColdstartError(
                    f"the figure shows {column} {asked}, but runs {runs} have "
                    f"{column} {', '.join(map(str, sorted(there)))}; name one of these in the study"
                )
        return table

    def compared(self, target: Compared) -> pd.DataFrame:
        """The rows of the metric that is compared.

        Where each sampler of each run is a series, ``sampler`` is the series' name, and ``run`` is
        the same in all rows.
        """
        values = pd.concat(
            [
                self.values(target.metric, budgets=of_run(target.budgets, run), run=run)
                for run in self.runs
            ]
        )
        if target.series == "sampler":
            return values
        names = self.series(target.series)
        pairs = zip(values["run"], values["sampler"], strict=True)
        return values.assign(sampler=[names[pair] for pair in pairs], run="all")

    def series(self, of: Series) -> dict[tuple[str, str], str]:
        """The name of each sampler of each run: its own, or the run's title before it."""
        titles = run_titles(self.runs) if of == "run-and-sampler" else dict.fromkeys(self.runs, "")
        return {
            (run, sampler): f"{titles[run]} {sampler}".strip()
            for run, described in self.runs.items()
            for sampler in described["samplers"]
        }

    def samplers(self, target: Compared) -> list[str]:
        """Return the samplers that are compared, which all runs must have in common.

        Raises:
            ColdstartError: the runs have different samplers, there is just one, or the baseline is
                not among them.
        """
        if target.series == "run-and-sampler":
            series = list(self.series(target.series).values())
            if isinstance(target, PairedDifferences) and target.baseline not in series:
                raise ColdstartError(
                    f"baseline `{target.baseline}` is not among what is compared: "
                    f"{', '.join(series)}; name one of these in the study"
                )
            return series
        samplers = {name: sorted(run["samplers"]) for name, run in self.runs.items()}
        first, *others = samplers
        for other in others:
            if samplers[other] != samplers[first]:
                raise ColdstartError(
                    f"runs {first} and {other} have different samplers, whose ranks do not "
                    "compare; name runs that have the same under `runs` of the figure or table"
                )
        if len(samplers[first]) == 1:
            raise ColdstartError(
                f"run {first} has one sampler, which has no rank; name another run under `runs` of "
                "the figure or table"
            )
        return list(self.runs[first]["samplers"])

    def blocks(self, target: Blocked) -> Blocks:
        """The samplers' values in the blocks that a figure or table asks for."""
        return arrange(self.compared(target), self.samplers(target), target.block)

    def class_names(self, run: str) -> list[str]:
        """The names of a run's classes, by number."""
        return list(self.runs[run]["classes"])

    def embeddings(
        self, run: str, seed: int, split: str = "candidates"
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Ids, int64 [n], and embeddings, float32 [n, dim], of a split of a run's pool."""
        artefact = self.artefacts[f"embeddings/{run}/{seed}"]
        return read_embeddings(artefact.path("embeddings.parquet"), split)

    def images(self, run: str, ids: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The images with these ids, uint8 [n, height, width, channels]."""
        return read_images(self.artefacts[f"images/{run}"], ids)

    def labels(self, run: str, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Their labels, int64 [n]."""
        return read_labels(self.artefacts[f"labels/{run}"], ids)

    def labelled(self, run: str) -> NDArray[np.int64]:
        """The ids of the images that were labelled before the first pick, int64 [n]."""
        if f"labelled/{run}" not in self.artefacts:
            return np.empty(0, dtype=np.int64)
        path = self.artefacts[f"labelled/{run}"].path("labels.parquet")
        return np.asarray(pd.read_parquet(path, columns=["id"])["id"], dtype=np.int64)

    def paths(self, run: str, ids: NDArray[np.int64]) -> list[str] | None:
        """Paths of the images' files below the data set's folder; None if they have no files."""
        items = pd.read_parquet(self.artefacts[f"images/{run}"].path("items.parquet"))
        return items.set_index("id").loc[ids, "path"].tolist() if "path" in items else None

    def known_labels(self, pool: str, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Labels of a pool's images, int64 [n]: OUTLIER of no class, UNLABELLED never labelled."""
        if f"labels/{pool}" not in self.artefacts:
            return np.full(len(ids), UNLABELLED)
        table = label_table(self.artefacts[f"labels/{pool}"]).astype("Int64").fillna(OUTLIER)
        return np.asarray(table.reindex(ids).fillna(UNLABELLED), dtype=np.int64)

    def index(self, pool: str) -> pd.DataFrame:
        """Id and split of a pool's images."""
        return pd.read_parquet(self.artefacts[f"index/{pool}"].path("index.parquet"))

    def all_images(self, pool: str) -> NDArray[np.uint8]:
        """Every image of a pool's data set, uint8 [n, height, width, channels], not in memory."""
        return open_images(self.artefacts[f"images/{pool}"])

    def _tables(self, what: str, file: str) -> pd.DataFrame:
        frames = []
        for name, artefact in self.artefacts.items():
            kind, run, *rest = name.split("/")
            if kind != what:
                continue
            table = pd.read_parquet(artefact.path(file))
            described: dict[str, Any] = {
                "run": run,
                "pool": self.runs[run]["pool"],
                "encoder": self.runs[run]["encoder"],
                "encoder_seed": int(rest[0]),
            }
            if what in ("selections", "cycles"):
                described["sampler"] = rest[1]
            if what == "cycles":  # one trial of a sampler that draws nothing stands for all
                described |= {"of_trial": int(rest[2]), "of_budget": int(rest[3])}
                described["alone"] = table["trial"].nunique() == 1
            frames.append(table.assign(**described)[[*described, *table.columns]])
        if not frames:
            raise ColdstartError(f"this kind of figure does not declare that it reads {what}")
        return pd.concat(frames, ignore_index=True)


def summarise(table: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Mean and spread of ``value`` over all trials of each group, in order of first appearance.

    Returns:
        The columns ``by``, then mean, sd (of the sample: n - 1), n, low and high (mean -/+ sd).
        With one trial there is no spread: sd, low and high are missing.
    """
    groups = table.groupby(by, sort=False, dropna=False)["value"]
    summary = groups.agg(mean="mean", sd="std", n="size").reset_index()
    return summary.assign(low=summary["mean"] - summary["sd"], high=summary["mean"] + summary["sd"])
