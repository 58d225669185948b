"""A page to explore what samplers pick, and what their picks teach."""

import numpy as np
import pandas as pd

from coldstart.config.recipes.figures.explorer import Explorer
from coldstart.config.recipes.learners.logistic_regression import LogisticRegression
from coldstart.data.unclassed import OUTLIER, UNLABELLED
from coldstart.figures.data import CLASSLESS, Shown
from coldstart.figures.embedding_map import MOST_POINTS, lay_out, spread
from coldstart.figures.predicted import predict, split_of
from coldstart.figures.style import looks
from coldstart.pages.explorer import Explored, page
from coldstart.pages.layout import place_others
from coldstart.pages.thumbnails import make_thumbnails

RANK, JUDGED = "rank, ", "right, "
"""Beginnings of the names of columns that each sampler has; its own name follows."""


def tabulate(shown: Shown, target: Explorer) -> pd.DataFrame:
    """Candidates and test images of a run: places on the map, ranks, and right predictions.

    Returns:
        id, split, class, x, y and, for each sampler, ``rank, <sampler>`` (from 1, of its picks for
        its largest budget; missing where it picked another) and ``right, <sampler>`` (of test
        images, whether a learner that knows the picks up to ``budget`` predicts their class).
    """
    (run,) = shown.runs
    picks = shown.selections
    seed = int(picks["encoder_seed"].iloc[0])
    picks = picks[(picks["encoder_seed"] == seed) & (picks["trial"] == 0)]
    candidates, test = (split_of(shown, run, seed, split) for split in ("candidates", "test"))
    embeddings = np.concatenate([candidates.features, test.features])
    kept = spread(np.arange(len(embeddings)), np.empty(0, dtype=np.int64), MOST_POINTS)
    places = place_others(embeddings, kept, lay_out(embeddings[kept], target.perplexity))
    # Labels that stand in the place of a class count from the end.
    classless = [CLASSLESS[label] for label in (UNLABELLED, OUTLIER)]
    names = np.array([*shown.class_names(run), *classless], dtype=object)
    table = pd.DataFrame(
        {
            "id": np.concatenate([candidates.ids, test.ids]),
            "split": ["candidates"] * len(candidates.ids) + ["test"] * len(test.ids),
            "class": names[np.concatenate([candidates.labels, test.labels])],
            "x": places[:, 0],
            "y": places[:, 1],
        }
    )
    learner = LogisticRegression.model_validate(shown.runs[run]["learner"])
    for sampler, of in picks.groupby("sampler", sort=False):
        most = of[of["budget"] == of["budget"].max()]
        ranks = most.set_index("id")["rank"] + 1
        table[f"{RANK}{sampler}"] = (
            table["id"].where(table["split"] == "candidates").map(ranks).astype("Int64")
        )
        known = of.loc[of["budget"] == target.budget, "id"].to_numpy()
        known = known[candidates.labels[np.searchsorted(candidates.ids, known)] >= 0]
        asked = test.labels >= 0
        if len(known) and asked.any():
            right = predict(candidates, test, known, learner).argmax(1) == test.labels
            judged = np.full(len(table), None)
            judged[len(candidates.ids) :][asked] = right[asked]
            table[f"{JUDGED}{sampler}"] = pd.array(judged, dtype="boolean")
    return table


def html(table: pd.DataFrame, shown: Shown, target: Explorer) -> str:
    """The table as a page that needs nothing beside itself."""
    (run,) = shown.runs
    columns = [str(name) for name in table]
    samplers = [name.removeprefix(RANK) for name in columns if name.startswith(RANK)]
    look = looks(samplers)
    ids = table["id"].to_numpy(np.int64)
    paths = shown.paths(run, ids)
    # One class alone is that of a pool without labels.
    classes = {"class": table["class"].tolist()} if table["class"].nunique() > 1 else {}
    judged = {
        f"predicted, {look[name].name}": table[f"{JUDGED}{name}"]
        .map({True: "right", False: "wrong"})
        .fillna("")
        .tolist()
        for name in samplers
        if f"{JUDGED}{name}" in table
    }
    return page(
        Explored(
            title=target.title,
            places=table[["x", "y"]].to_numpy(np.float32),
            thumbnails=make_thumbnails(shown.all_images(run), ids),
            names=paths if paths is not None else [f"image {number}" for number in ids],
            rankings={
                look[name].name: table[f"{RANK}{name}"].fillna(0).to_numpy(np.int64)
                for name in samplers
            },
            budget=target.budget,
            categories={
                **classes,
                "split": table["split"].tolist(),
                **judged,
            },
            notes=[
                "Picks are those of the first trial, for the largest budget, in their order. "
                f"Test images are predicted by a learner that knows the first {target.budget} "
                "labels of a sampler."
            ],
        )
    )
