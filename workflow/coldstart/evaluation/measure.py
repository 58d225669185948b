"""Measurement of learners by the metrics that a run names, one or many learners at once."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.metrics import METRICS, Metric
from coldstart.data.unclassed import OUTLIER
from coldstart.evaluation.judged import Judged

COLUMNS = ["sampler", "trial", "budget", "metric", "label", "value"]
"""Columns of the table of metrics."""
CHUNK_BYTES = 32 * 2**20
"""Bytes of probabilities that are computed at once."""


def metrics_of(described: Mapping[str, Any]) -> dict[str, Metric]:
    """Return the metrics by name that an artefact's recipe describes."""
    return {name: METRICS.adapter().validate_python(one) for name, one in described.items()}


def tested(labels: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Return the mask of the test images that belong to a class, on which learners are judged.

    Args:
        labels: [n], OUTLIER where an image belongs to no class.

    Raises:
        ColdstartError: there is none.
    """
    inside: NDArray[np.bool_] = labels != OUTLIER
    if not inside.any():
        raise ColdstartError(
            f"none of the {len(labels)} test images belongs to a class, so no learner can be "
            "judged on them: take the split `test` from a part of the data set that has classes"
        )
    return inside


def measure(judged: Judged, metrics: Mapping[str, Metric]) -> pd.DataFrame:
    """Tabulate the metrics of one learner: metric, label (a class, or missing), value.

    A class for which a metric has no value has no row.
    """
    rows: list[tuple[str, Any, float]] = []
    for name, recipe in metrics.items():
        value = METRICS.load(recipe).measure(judged, recipe)
        if recipe.by_class:
            rows += [(name, label, value[label]) for label in np.flatnonzero(~np.isnan(value))]
        else:
            rows.append((name, pd.NA, value))
    names, labels, values = zip(*rows, strict=True) if rows else ((), (), ())
    return pd.DataFrame(
        {
            "metric": list(names),
            "label": pd.array(labels, dtype="Int64"),
            "value": np.array(values, dtype=float),
        }
    )


def measure_probes(
    features: NDArray[np.float32],
    labels: NDArray[np.integer],
    coef: NDArray[np.floating],
    intercept: NDArray[np.floating],
    bought: Sequence[NDArray[np.integer]],
    metrics: Mapping[str, Metric],
) -> list[pd.DataFrame]:
    """Tabulate the metrics of linear probes, as ``measure`` does of each.

    Args:
        features: [n, dim] embeddings of the test images.
        labels: [n], each of a class.
        coef: [probes, classes, dim].
        intercept: [probes, classes]; -inf where the probability is to be 0.
        bought: labels of each probe's labelled set, as ``Judged`` has them.
        metrics: by name.
    """

    def judge(probabilities: NDArray[np.float64], own: NDArray[np.integer]) -> pd.DataFrame:
        return measure(Judged(probabilities, labels, own), metrics)

    found: list[pd.DataFrame] = []
    # NumPy sorts without the interpreter's lock, so threads keep all cores busy.
    with ThreadPoolExecutor(torch.get_num_threads()) as threads:
        for part in probabilities_of(features, coef, intercept):
            found += threads.map(judge, part, bought[len(found) : len(found) + len(part)])
    return found


def probabilities_of(
    features: NDArray[np.float32], coef: NDArray[np.floating], intercept: NDArray[np.floating]
) -> Iterator[NDArray[np.float64]]:
    """Yield the probabilities that linear probes predict, some probes at a time.

    Args:
        features: [n, dim].
        coef: [probes, classes, dim].
        intercept: [probes, classes].

    Yields:
        [some probes, n, classes], laid out so that sorting those of a class is fast.
    """
    probes, classes, dim = coef.shape
    # float64, because probabilities near 1 would be ties in float32.
    X = torch.from_numpy(features).double()
    room = max(1, CHUNK_BYTES // (8 * len(features) * classes))
    for first in range(0, probes, room):
        part = slice(first, first + room)
        W = torch.from_numpy(coef[part]).double()
        b = torch.from_numpy(intercept[part]).double()
        logits = (W.view(-1, dim) @ X.T).view(len(W), classes, -1) + b[..., None]
        yield torch.softmax(logits, 1).numpy().transpose(0, 2, 1)
