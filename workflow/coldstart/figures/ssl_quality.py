"""Quality of each encoder, during its training and at its end."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from coldstart.config.recipes.figures.ssl_quality import SslQuality
from coldstart.figures.data import Shown, summarise
from coldstart.figures.style import WIDE, add_note, line_looks, new_figure, run_titles

PANELS = {
    "knn": "k-NN accuracy",
    "linear": "linear accuracy",
    "effective-rank": "effective rank",
}
OF_A_RUN = ["run", "pool", "encoder"]
LINE = 0.155
"""Inches of a line of the legend."""
MOST_MARKED = 30
"""A line through more points than this has no markers."""


def draw(shown: Shown, target: SslQuality) -> tuple[Figure, pd.DataFrame]:
    """k-NN and linear accuracy on the test images and effective rank, a line per run.

    Encoders without epochs, such as PCA, are level dotted lines; epoch 0 is before training.

    Returns:
        The figure and run, pool, encoder, epoch, metric, mean, sd, n, low and high (over encoder
        seeds).
    """
    numbers = summarise(shown.probes, [*OF_A_RUN, "epoch", "metric"])
    pools = list(dict.fromkeys(numbers["pool"]))
    height = max(0.6 + 2.0 * len(pools), 0.8 + LINE * len(shown.runs))
    figure = new_figure(target.title, height, WIDE)
    rows = figure.subplots(len(pools), len(PANELS), squeeze=False)
    titles, look = run_titles(shown.runs), line_looks(list(shown.runs))
    for row, pool in zip(rows, pools, strict=True):
        for axes, (metric, title) in zip(row, PANELS.items(), strict=True):
            part = numbers[(numbers["pool"] == pool) & (numbers["metric"] == metric)]
            for run, table in part.groupby("run", sort=False):
                _line(axes, table, titles[str(run)] or str(run), look[str(run)])
            axes.set_ylabel(title)
            axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
            axes.grid(axis="y")
        row[0].set_title(pool if len(pools) > 1 else "", loc="left")
    for axes in rows[-1]:
        axes.set_xlabel("epoch")
    entries = {}
    for axes in rows[:, 0]:
        entries.update(dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True)))
    figure.legend(list(entries.values()), list(entries), loc="outside right upper")
    add_note(figure, _note(numbers))
    return figure, numbers


def tabulate(shown: Shown, target: SslQuality) -> pd.DataFrame:
    """Each encoder at its end beside itself untrained, and the gain in linear accuracy.

    Returns:
        run, pool, encoder, epochs, metric, mean, sd and n (over encoder seeds), untrained (the
        mean at epoch 0; missing for encoders without epochs) and, where the target names a paper's
        table, paper.
    """
    probes = shown.probes
    last = probes.groupby([*OF_A_RUN, "encoder_seed"], sort=False, dropna=False)["epoch"]
    ends = probes[probes["epoch"].isna() | (probes["epoch"] == last.transform("max"))]
    table = summarise(ends, [*OF_A_RUN, "epoch", "metric"]).drop(columns=["low", "high"])
    before = summarise(probes[probes["epoch"] == 0], [*OF_A_RUN, "metric"])
    before = before[[*OF_A_RUN, "metric", "mean"]].rename(columns={"mean": "untrained"})
    merged = table.merge(before, how="left", on=[*OF_A_RUN, "metric"], validate="one_to_one")
    if shown.published is not None:
        paper = shown.published.rename(columns={"value": "paper"})
        merged = merged.merge(paper, how="left", on=["run", "metric"], validate="one_to_one")
    return merged.rename(columns={"epoch": "epochs"})


def _line(axes: Axes, table: pd.DataFrame, title: str, look: dict[str, Any]) -> None:
    if table["epoch"].isna().all():
        axes.axhline(table["mean"].iloc[0], label=title, **{**look, "linestyle": ":"})
        return
    table = table.sort_values("epoch")
    epochs = table["epoch"].astype(int)
    axes.fill_between(
        epochs, table["low"], table["high"], color=look["color"], alpha=0.13, linewidth=0
    )
    marker = "o" if len(table) <= MOST_MARKED else ""
    axes.plot(epochs, table["mean"], label=title, marker=marker, markersize=2.5, **look)


def _note(numbers: pd.DataFrame) -> str:
    draws = numbers["n"].max()
    spread = "one seed" if draws == 1 else f"mean ± 1 s.d. over {draws} seeds"
    starts = numbers.groupby("run")["epoch"].min().dropna()
    later = (
        " Lines that start later belong to encoders fine-tuned from another one."
        if (starts > 0).any()
        else ""
    )
    return (
        "Measured offline on frozen embeddings, with the labels of all candidates; accuracy on the "
        f"test images; {spread}. Epoch 0: before training.{later} Dotted: encoders without epochs."
    )
