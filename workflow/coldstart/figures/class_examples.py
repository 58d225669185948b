"""Images of one class: those that a sampler picked, or test images that were classified then."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from coldstart.config.recipes.figures.class_examples import ClassExamples
from coldstart.config.recipes.learners.logistic_regression import LogisticRegression
from coldstart.figures.data import Shown
from coldstart.figures.predicted import predict, split_of
from coldstart.figures.style import GREY, NOTE_SIZE, WIDTH, add_note, looks, new_figure, shortened

ROW_TITLE = 1.0
"""Inches for the titles of rows."""


def draw(shown: Shown, target: ClassExamples) -> tuple[Figure, pd.DataFrame]:
    """A row of picks for each trial, or two rows of test images: classified rightly and wrongly.

    Test images are those of the class, the most confident predictions first, after the trial with
    the most picks of the class (the first of several).

    Returns:
        The figure and, for each image, run, encoder_seed, sampler, seed, row, id, and rank (from 1)
        of a pick or probability (of the class) and predicted (the most probable class).
    """
    (run,) = shown.runs
    picks = _picks(shown, target)
    of_class = picks[shown.labels(run, picks["id"].to_numpy()) == target.label]
    counts = of_class["trial"].value_counts().reindex(picks["trial"].unique(), fill_value=0)
    rows = [f"trial {seed + 1}" for seed in counts.index]
    numbers = of_class.assign(row=[f"trial {seed + 1}" for seed in of_class["trial"]])
    note = (
        "Candidates of the class among the picks of each trial, in their order, and their number."
    )
    if target.show == "tested":
        seed = int(counts.idxmax())
        rows = ["right", "wrong"]
        numbers = _tested(shown, run, target, picks[picks["trial"] == seed])
        note = (
            "Test images of the class, the most confident predictions first, and their number, "
            f"after trial {seed + 1} with {counts[seed]} of the class among its labels; below "
            "wrong ones, the predicted class."
        )
    name = shown.class_names(run)[target.label]
    look = looks([target.sampler])[target.sampler].name
    note += f" {look}, {target.budget} labels, class {name}."
    return _grid(shown, run, target, numbers, rows, note), numbers


def _picks(shown: Shown, target: ClassExamples) -> pd.DataFrame:
    """The picks of every trial with the first encoder seed, in their order."""
    picks = shown.selections
    picks = picks[
        (picks["sampler"] == target.sampler)
        & (picks["budget"] == target.budget)
        & (picks["encoder_seed"] == picks["encoder_seed"].iloc[0])
    ].sort_values(["trial", "rank"])
    columns = ["run", "encoder_seed", "sampler", "trial", "rank", "id"]
    found: pd.DataFrame = picks[columns].assign(rank=picks["rank"] + 1).reset_index(drop=True)
    return found


def _tested(shown: Shown, run: str, target: ClassExamples, picks: pd.DataFrame) -> pd.DataFrame:
    """The test images of the class, in the order of the confidence of one trial's learner."""
    encoder_seed, seed = (int(picks[key].iloc[0]) for key in ("encoder_seed", "trial"))
    learner = LogisticRegression.model_validate(shown.runs[run]["learner"])
    candidates, test = (split_of(shown, run, encoder_seed, s) for s in ("candidates", "test"))
    probabilities = predict(candidates, test, picks["id"].to_numpy(), learner)
    predicted = probabilities.argmax(1)
    found: pd.DataFrame = pd.DataFrame(
        {
            "run": run,
            "encoder_seed": encoder_seed,
            "sampler": target.sampler,
            "trial": seed,
            "row": np.where(predicted == target.label, "right", "wrong"),
            "id": test.ids,
            "probability": probabilities[:, target.label],
            "predicted": [shown.class_names(run)[label] for label in predicted],
            "sure": probabilities.max(1),
        }
    )[test.labels == target.label]
    found = found.sort_values(["row", "sure"], ascending=[True, False], kind="stable")
    return found.drop(columns="sure").reset_index(drop=True)


def _grid(
    shown: Shown,
    run: str,
    target: ClassExamples,
    numbers: pd.DataFrame,
    rows: list[str],
    note: str,
) -> Figure:
    size = (WIDTH - ROW_TITLE) / target.count
    below = 0.16 if "predicted" in numbers else 0.05
    name = shown.class_names(run)[target.label]
    figure = new_figure(target.title, 0.75 + len(rows) * (size + below))
    grid = figure.subplots(len(rows), target.count, squeeze=False)
    for line, row in zip(grid, rows, strict=True):
        part = numbers[numbers["row"] == row]
        images = shown.images(run, part["id"].to_numpy()[: target.count])
        for at, axes in enumerate(line):
            _cell(axes, images[at] if at < len(images) else None)
            if "predicted" in part and at < len(images) and part["predicted"].iloc[at] != name:
                _say_below(axes, shortened(part["predicted"].iloc[at]))
        line[0].text(
            -0.15,
            0.5,
            f"{row}\n({len(part)})",
            transform=line[0].transAxes,
            ha="right",
            va="center",
        )
    add_note(figure, note)
    return figure


def _say_below(axes: Axes, text: str) -> None:
    axes.text(
        0.5,
        -0.05,
        text,
        transform=axes.transAxes,
        ha="center",
        va="top",
        fontsize=NOTE_SIZE,
        color=GREY,
    )


def _cell(axes: Axes, image: NDArray[np.uint8] | None) -> None:
    axes.set_axis_off()
    if image is not None:
        axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
