"""Course of each encoder's training by epoch."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.figures.training_curves import TrainingCurves
from coldstart.figures.data import Shown
from coldstart.figures.style import WIDE, add_note, line_looks, new_figure, run_titles

PANELS = {
    "loss": "loss",
    "lr": "learning rate",
    "embedding_std": "embedding s.d.",
    "effective_rank": "effective rank",
}
LINE = 0.155
"""Inches of a line of the legend."""
MUCH = 5
"""If the ranges of losses differ by more than this factor, each run has its own scale."""


def draw(shown: Shown, target: TrainingCurves) -> tuple[Figure, pd.DataFrame]:
    """Loss, learning rate and the spread of the embeddings, a line per run and encoder seed.

    Losses of very different ranges are scaled to 0 to 1 within each run.

    Returns:
        The figure and run, pool, encoder, encoder_seed, epoch, loss, lr, embedding_std and
        effective_rank.

    Raises:
        ColdstartError: none of the runs has an encoder that was trained by epochs.
    """
    table = shown.histories
    if "epoch" not in table:
        raise ColdstartError(
            f"the figure shows trainings, but the encoders of {', '.join(shown.runs)} were not "
            "trained by epochs; name runs in the study that have one which was"
        )
    numbers = table[["run", "pool", "encoder", "encoder_seed", "epoch", *PANELS]]
    numbers = numbers[numbers["epoch"].notna()].astype({"epoch": int}).reset_index(drop=True)
    height = max(4.2, 0.8 + LINE * len(shown.runs))
    figure = new_figure(target.title, height, WIDE)
    runs = {name: run for name, run in shown.runs.items() if name in set(numbers["run"])}
    titles = run_titles(runs)
    scaled = _alike(numbers["loss"], numbers["run"])
    drawn = numbers if scaled is None else numbers.assign(loss=scaled)
    for axes, (column, title) in zip(figure.subplots(2, 2).flat, PANELS.items(), strict=True):
        _panel(axes, drawn, column, {run: titles[run] or run for run in runs})
        axes.set_ylabel(title if column != "loss" or scaled is None else "loss, 0 to 1")
    handles, labels = axes.get_legend_handles_labels()
    if len(runs) > 1:
        figure.legend(handles, labels, loc="outside right upper")
    add_note(figure, _note(numbers, scaled is not None))
    return figure, numbers


def _alike(losses: pd.Series, runs: pd.Series) -> pd.Series | None:
    """Losses scaled to 0 to 1 within each run if one scale would flatten some; else None.

    Methods have losses of any size: Barlow Twins' starts at hundreds, an entropy can be below 0.
    """
    of_run = losses.groupby(runs)
    low, high = of_run.transform("min"), of_run.transform("max")
    spans = high - low
    moved = spans[spans > 0]  # none does within one epoch
    if moved.empty or moved.max() <= MUCH * moved.min():
        return None
    return (losses - low) / spans.where(spans > 0, 1.0)


def _panel(axes: Axes, numbers: pd.DataFrame, column: str, titles: dict[str, str]) -> None:
    look = line_looks(list(titles))
    for run, title in titles.items():
        of_run = numbers[numbers["run"] == run]
        for number, (_, table) in enumerate(of_run.groupby("encoder_seed")):
            axes.plot(
                table["epoch"],
                table[column],
                **look[run],
                marker="o" if len(table) == 1 else "",
                label=title if number == 0 else "_",
            )
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y")
    if column in ("embedding_std", "effective_rank"):
        axes.set_ylim(bottom=0)


def _note(numbers: pd.DataFrame, scaled: bool) -> str:
    seeds = numbers.groupby("run")["encoder_seed"].nunique()
    lines = "One line per encoder seed. " if seeds.max() > 1 else ""
    losses = "Losses from each run's lowest (0) to its highest (1). " if scaled else ""
    return (
        f"{lines}{losses}Embeddings are of at most 512 images, the same after each epoch: the mean "
        "s.d. of their dimensions as unit vectors, and exp of the entropy of their singular values."
    )
