"""An encoder's own clusters: their sizes, and their match with the classes."""

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from coldstart.config.recipes.figures.clusters import Clusters
from coldstart.embeddings.tables import read_embeddings
from coldstart.figures.data import Shown, summarise
from coldstart.figures.style import GREY, WIDE, add_note, new_figure, run_titles
from coldstart.ssl.health import cluster_health, cluster_sizes

OF_A_RUN = ["run", "pool", "encoder"]
ACROSS = 3
"""Panels in a row."""
MOST_TICKS = 5


def tabulate(shown: Shown, target: Clusters) -> pd.DataFrame:
    """Describe the candidates' clusters without labels, and with them.

    Returns:
        run, pool, encoder, measured (``without labels``, ``with labels``), metric, mean, sd and n
        (over encoder seeds), and where the target names a paper's table, paper. The metrics are
        those of ``cluster_health`` and of ``agreement``; the latter are of the candidates that
        belong to a class.
    """
    frames = []
    for described, ids, probabilities in _clusters(shown):
        found = {"without labels": cluster_health(probabilities)}
        labels = shown.known_labels(described["run"], ids)
        inside = labels >= 0
        if inside.any():
            assigned = probabilities[inside].argmax(axis=1)
            found["with labels"] = agreement(assigned, labels[inside])
        frames += [
            {**described, "measured": measured, "metric": metric, "value": value}
            for measured, values in found.items()
            for metric, value in values.items()
        ]
    table = summarise(pd.DataFrame(frames), [*OF_A_RUN, "measured", "metric"])
    table = table.drop(columns=["low", "high"])
    if shown.published is None:
        return table
    paper = shown.published.rename(columns={"value": "paper"})
    return table.merge(paper, how="left", on=["run", "metric"], validate="one_to_one")


def agreement(assigned: NDArray[np.int64], labels: NDArray[np.int64]) -> dict[str, float]:
    """Measure the match of clusters and classes.

    Args:
        assigned: the cluster of each image, int64 [n].
        labels: its class, int64 [n].

    Returns:
        ``accuracy``: the share of images whose class is that of their cluster, where clusters are
        given one class each so that this is as large as can be (the Hungarian method); of more
        clusters than classes some have none. ``nmi``: mutual information over the mean of both
        entropies. ``ari``: the adjusted Rand index.
    """
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    counts = np.zeros((assigned.max() + 1, labels.max() + 1), dtype=np.int64)
    np.add.at(counts, (assigned, labels), 1)
    return {
        "accuracy": float(counts[linear_sum_assignment(counts, maximize=True)].sum() / len(labels)),
        "nmi": float(normalized_mutual_info_score(labels, assigned)),
        "ari": float(adjusted_rand_score(labels, assigned)),
    }


def draw(shown: Shown, target: Clusters) -> tuple[Figure, pd.DataFrame]:
    """Sizes of the candidates' clusters, the largest first: a panel per run.

    Returns:
        The figure and run, pool, encoder, encoder_seed, rank (from one) and size.
    """
    numbers = pd.concat(
        [
            pd.DataFrame({**described, "rank": np.arange(1, len(sizes) + 1), "size": sizes})
            for described, _, probabilities in _clusters(shown)
            for sizes in [np.sort(cluster_sizes(probabilities))[::-1]]
        ],
        ignore_index=True,
    )
    told, titles = tabulate(shown, target), run_titles(shown.runs)
    rows = math.ceil(len(shown.runs) / ACROSS)
    figure = new_figure(target.title, 0.75 + 2.1 * rows, WIDE)
    panels = figure.subplots(rows, min(ACROSS, len(shown.runs)), squeeze=False).flatten()
    for axes, (run, sizes) in zip(panels, numbers.groupby("run", sort=False), strict=False):
        _panel(axes, sizes, told[told["run"] == run].set_index("metric")["mean"])
        axes.set_title(titles[str(run)], loc="left")
    for axes in panels[len(shown.runs) :]:
        axes.set_visible(False)
    add_note(figure, _note(numbers, told))
    return figure, numbers


def _clusters(shown: Shown) -> list[tuple[dict[str, Any], NDArray[np.int64], NDArray[np.float32]]]:
    """Return, for each run and encoder seed, its description, candidates' ids and probabilities."""
    found = []
    for name, artefact in shown.artefacts.items():
        kind, run, *seed = name.split("/")
        if kind == "clusters":
            described = {
                "run": run,
                "pool": shown.runs[run]["pool"],
                "encoder": shown.runs[run]["encoder"],
                "encoder_seed": int(seed[0]),
            }
            path = artefact.path("embeddings.parquet")
            found.append((described, *read_embeddings(path, "candidates")))
    return found


def _panel(axes: Axes, sizes: pd.DataFrame, means: pd.Series) -> None:
    by_rank = sizes.groupby("rank")["size"].mean()
    axes.bar(by_rank.index, by_rank, color="#56B4E9", width=0.75)
    if sizes["encoder_seed"].nunique() > 1:
        axes.plot(sizes["rank"], sizes["size"], ".", color="0.25", markersize=2.5)
    axes.axhline(by_rank.mean(), color=GREY, linestyle=":", linewidth=0.8)
    axes.set_ylim(0, 1.7 * sizes["size"].max())
    axes.xaxis.set_major_locator(MaxNLocator(MOST_TICKS, integer=True))
    axes.set(xlabel="cluster, the largest first", ylabel="candidates")
    lines = [
        f"empty clusters {means['empty_clusters']:.3g}, confidence {means['confidence']:.2f}",
        f"entropy of sizes {means['size_entropy']:.2f} of {math.log(len(by_rank)):.2f}",
    ]
    if "accuracy" in means:
        values = ", ".join(f"{m.upper()} {means[m]:.2f}" for m in ("nmi", "ari"))
        lines += [f"with labels: accuracy {means['accuracy']:.2f},", values]
    axes.text(0.98, 0.98, "\n".join(lines), transform=axes.transAxes, ha="right", va="top", size=7)


def _note(numbers: pd.DataFrame, told: pd.DataFrame) -> str:
    seeds = numbers["encoder_seed"].nunique()
    over = f"Bars and numbers: means over {seeds} encoder seeds, each a dot. " if seeds > 1 else ""
    labels = (
        " Accuracy: each cluster is given one class, so that most labels are right."
        if (told["measured"] == "with labels").any()
        else ""
    )
    return (
        f"{over}Dotted: clusters of one size. A candidate counts for its most probable cluster; "
        f"confidence is that probability, averaged.{labels}"
    )
