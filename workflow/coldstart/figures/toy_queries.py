"""Queries on points of two Gaussians (On Initial Pools, Figure 1)."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.figures.toy_queries import ToyQueries
from coldstart.figures.data import Shown
from coldstart.figures.style import WIDE, add_note, new_figure, sampler_name
from coldstart.selection.base import Sampler, Tables
from coldstart.selection.samplers.random import Random
from coldstart.selection.samplers.uncertainty import Uncertainty

COLOURS = ("#0072B2", "#D55E00")


def _uncertainty(measure: str) -> Uncertainty:
    return Uncertainty.model_validate({"sampler": "uncertainty", "measure": measure})


QUERIES: dict[str, Sampler] = {
    "random": Random.model_validate({"sampler": "random"}),
    "least-confidence": _uncertainty("least-confidence"),
    "max-entropy": _uncertainty("entropy"),
}


def draw(shown: Shown, target: ToyQueries) -> tuple[Figure, pd.DataFrame]:
    """Six panels: the points, the model of all labels, its loss, and a panel for each query.

    Returns:
        The figure and id, x, y, class, loss (in nats, under the model of all labels), and for each
        query the rank at which it buys the point (from 1; missing where it does not).
    """
    points, labels = sample(target)
    whole = LogisticRegression().fit(points, labels)
    loss = -whole.predict_log_proba(points)[np.arange(len(labels)), labels]
    numbers = pd.DataFrame(
        {
            "id": np.arange(len(labels)),
            "x": points[:, 0],
            "y": points[:, 1],
            "class": labels,
            "loss": loss,
        }
    )
    figure = new_figure(target.title, 4.6, WIDE)
    grid = figure.subplots(2, 3, sharex=True, sharey=True)
    _scatter(grid[0, 0], numbers)
    grid[0, 0].set_title(f"{len(labels):,} points of two classes", loc="left")
    _scatter(grid[0, 1], numbers)
    _boundary(grid[0, 1], whole)
    grid[0, 1].set_title(f"All labels: accuracy {whole.score(points, labels):.3f}", loc="left")
    seen = grid[0, 2].scatter(*points.T, c=loss, s=6, cmap="viridis", linewidths=0)
    figure.colorbar(seen, ax=grid[0, 2], label="loss, nats", fraction=0.05, pad=0.02)
    grid[0, 2].set_title("Loss under that model", loc="left")
    for axes, (name, sampler) in zip(grid[1], QUERIES.items(), strict=True):
        bought = buy(points, labels, sampler, target)
        model = LogisticRegression().fit(points[bought], labels[bought])
        ranks = pd.Series(np.arange(1, len(bought) + 1), index=bought)
        numbers[name] = ranks.reindex(numbers["id"]).astype("Int64").to_numpy()
        _scatter(axes, numbers, labelled=bought)
        _boundary(axes, model)
        accuracy = model.score(points, labels)
        axes.set_title(f"{sampler_name(name)}: {accuracy:.3f}", loc="left")
    for axes in grid.flat:
        axes.set_xticks([])
        axes.set_yticks([])
    add_note(
        figure,
        f"Below: {target.labels} labels, outlined, the first {target.start} of them at random; "
        "numbers are accuracies on all points. With two classes least confidence and maximum "
        "entropy ask for the same points.",
    )
    return figure, numbers


def sample(target: ToyQueries) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Draw the points, float64 [n, 2], and their classes, int64 [n].

    Raises:
        ColdstartError: fewer points are drawn than are to be labelled.
    """
    if not target.start <= target.labels <= target.points:
        raise ColdstartError(
            f"a toy of {target.points} points cannot have {target.start} labels at first and "
            f"{target.labels} in all: `start` is at most `labels`, and that at most `points`"
        )
    labels = np.arange(target.points) % 2
    rng = np.random.default_rng(target.seed)
    points = rng.standard_normal((target.points, 2))
    # The means lie on a diagonal, so that both coordinates matter.
    return points + (labels[:, None] - 0.5) * target.distance / np.sqrt(2), labels


def buy(
    points: NDArray[np.float64], labels: NDArray[np.int64], sampler: Sampler, target: ToyQueries
) -> NDArray[np.int64]:
    """Buy labels one by one, and return the points in the order in which they were bought.

    The first ones are the same for all samplers; among them are both classes.

    Args:
        points: float64 [n, 2].
        labels: their classes, int64 [n].
        sampler: asked with the predictions of a model of all labels so far.
        target: says how many to buy.
    """
    rng = np.random.default_rng((target.seed, 1))
    bought = rng.permutation(len(labels))[: target.start]
    while len(set(labels[bought])) < 2:
        bought = rng.permutation(len(labels))[: target.start]
    ids = np.arange(len(labels))
    while len(bought) < target.labels:
        model = LogisticRegression().fit(points[bought], labels[bought])
        tables = Tables(ids, predictions=model.predict_proba(points), labelled=bought)
        bought = np.append(bought, sampler.query(tables, 1, rng).ids)
    return bought


def _scatter(axes: Axes, numbers: pd.DataFrame, labelled: NDArray[np.int64] | None = None) -> None:
    """Draw the points in the colours of their classes; labelled ones are outlined, others pale."""
    colours = np.array(COLOURS)[numbers["class"]]
    pale = 0.6 if labelled is None else 0.2
    axes.scatter(numbers["x"], numbers["y"], s=6, c=colours, alpha=pale, linewidths=0)
    if labelled is not None:
        kept = numbers.loc[labelled]
        axes.scatter(
            kept["x"], kept["y"], s=16, c=colours[labelled], edgecolors="0.1", linewidths=0.6
        )


def _boundary(axes: Axes, model: LogisticRegression) -> None:
    """Draw the line on which both classes are equally likely."""
    (a, b), c = model.coef_[0], model.intercept_[0]
    axes.axline((-c * a / (a * a + b * b), -c * b / (a * a + b * b)), slope=-a / b, color="0.1")
