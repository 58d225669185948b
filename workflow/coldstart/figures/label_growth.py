"""The growth of accuracy with the labels that are given."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from coldstart.config.recipes.figures.label_growth import LabelGrowth
from coldstart.figures.data import Shown
from coldstart.figures.style import (
    NARROW,
    add_note,
    budget_axis,
    line_looks,
    new_figure,
    run_titles,
)
from coldstart.statistics.growth import advice, summarise_growth


def draw(shown: Shown, target: LabelGrowth) -> tuple[Figure, pd.DataFrame]:
    """Accuracy with its interval by the number of labels, a line per run.

    Returns:
        The figure and run, labels, accuracy, low, high, gain, gain_low and gain_high.
    """
    figure = new_figure(target.title, 3.6, NARROW)
    axes = figure.subplots()
    titles, looks = run_titles(shown.runs), line_looks(list(shown.runs))
    frames, notes = [], []
    for run in shown.runs:
        seeds = shown.growth[shown.growth["run"] == run]
        summary = summarise_growth(seeds[seeds["encoder_seed"] == seeds["encoder_seed"].min()])
        middle = summary["accuracy"]
        bars = [middle - summary["low"], summary["high"] - middle]
        axes.errorbar(
            summary["labels"], middle, bars, capsize=3, marker="o", **looks[run], label=titles[run]
        )
        name = f"{titles[run]}: " if titles[run] else ""
        notes.append(name + " ".join(advice(summary, target.worth)))
        frames.append(summary.assign(run=run)[["run", *summary.columns]])
    numbers = pd.concat(frames, ignore_index=True)
    axes.set_ylabel("accuracy, cross-validated")
    axes.grid(axis="y")
    if len(numbers):
        budget_axis(axes, np.unique(numbers["labels"]).astype(np.int64))
    if len(shown.runs) > 1:
        axes.legend()
    add_note(figure, "\n".join(notes))
    return figure, numbers
