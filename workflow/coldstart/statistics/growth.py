"""Growth of an accuracy with the labels: its intervals, and what they say about stopping."""

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from coldstart.statistics import ALPHA

COLUMNS = ["labels", "accuracy", "low", "high", "gain", "gain_low", "gain_high"]


def summarise_growth(table: pd.DataFrame) -> pd.DataFrame:
    """Accuracy at each number of labels, and the gain over the number before, with intervals.

    Args:
        table: ``id``, ``labels`` and ``right``; each image is there for each number of labels.

    Returns:
        ``labels``, ``accuracy``, ``low``, ``high``, ``gain``, ``gain_low`` and ``gain_high``, with
        95 % intervals over images; the gains of the first row are missing.
    """
    wide = table.pivot(index="id", columns="labels", values="right")
    rows, before = [], None
    for labels in wide.columns:
        right = wide[labels].to_numpy(np.float64)
        row = {"labels": labels, "accuracy": right.mean()}
        row["low"], row["high"] = wilson(float(right.mean()), len(right))
        if before is not None:
            row["gain"] = right.mean() - before.mean()
            row["gain_low"], row["gain_high"] = paired_interval(before, right)
        rows.append(row)
        before = right
    return pd.DataFrame(rows, columns=COLUMNS)


def wilson(share: float, count: int, alpha: float = ALPHA) -> tuple[float, float]:
    """Wilson's score interval of a share (Wilson 1927).

    It has a width at shares of nought and one too, where the standard deviation is nought. The mean
    of values between 0 and 1 varies no more than a share does, so that it holds for these as well.

    Args:
        share: of right answers.
        count: of independent answers.
        alpha: probability of both tails together.
    """
    z = float(norm.isf(alpha / 2))
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    inside = share * (1 - share) / count + z * z / (4 * count * count)
    half = z * math.sqrt(inside) / (1 + z * z / count)
    return middle - half, middle + half


def paired_interval(
    before: NDArray[np.float64], after: NDArray[np.float64], alpha: float = ALPHA
) -> tuple[float, float]:
    """Newcombe's interval of a difference of shares of the same images (Newcombe 1998, method 10).

    It is made of the two shares' Wilson intervals and the correlation between the answers, which
    counts as nought where one of the two does not vary.

    Args:
        before: share of right answers about each image, float64 [n].
        after: the same later.
        alpha: probability of both tails together.
    """
    first, second, count = float(before.mean()), float(after.mean()), len(before)
    (low_1, high_1), (low_2, high_2) = (wilson(p, count, alpha) for p in (first, second))
    spread = float(before.std() * after.std())
    together = float(((before - first) * (after - second)).mean())
    phi = together / spread if spread > 0 else 0.0
    gain = second - first
    below, above = (second - low_2, high_1 - first), (high_2 - second, first - low_1)
    return gain - _length(*below, phi), gain + _length(*above, phi)


def _length(one: float, other: float, phi: float) -> float:
    return math.sqrt(max(one * one - 2 * phi * one * other + other * other, 0.0))


def advice(summary: pd.DataFrame, worth: float) -> list[str]:
    """Say in sentences how accuracy grew, and if that speaks for more labels.

    Args:
        summary: of ``summarise_growth``.
        worth: the gain of a doubling below which labelling may stop, as a share.
    """
    if len(summary) < 2:
        return ["The labels are too few, or of one class: they do not tell how accuracy grows."]
    before, last = summary.iloc[-2], summary.iloc[-1]
    labels, accuracy = round(last["labels"]), 100 * last["accuracy"]
    low, high, gain, gain_low, gain_high = (100 * last[name] for name in COLUMNS[2:])
    sentences = [
        f"A classifier of {labels} labels is right on {accuracy:.0f} % of other labelled images "
        f"(95 % interval {low:.0f} to {high:.0f} %).",
        f"From {before['labels']:.0f} to {labels} labels it gained {gain:.1f} points "
        f"(95 % interval {gain_low:.1f} to {gain_high:.1f}).",
    ]
    points = f"{100 * worth:g} point{'' if worth == 0.01 else 's'}"
    if last["gain_high"] <= worth:
        verdict = f"Labelling may stop: a doubling gains less than {points} now."
    elif last["gain_low"] > worth:
        verdict = f"Go on: a doubling still gains more than {points}."
    else:
        verdict = f"Whether a doubling still gains {points} cannot be told from so few labels."
    return [*sentences, verdict]
