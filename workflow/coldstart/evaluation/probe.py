"""Linear evaluation and k-NN of an encoder: classifiers on frozen embeddings, with all labels.

The encoder is measured before training, which shows what random features give; at each snapshot
that its training has kept; and at the end.
"""

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from coldstart.common.progress import log
from coldstart.config.recipes.probes import Probe
from coldstart.config.recipes.scores import Embedding
from coldstart.data.read import read_ids, read_images, read_labels
from coldstart.data.unclassed import OUTLIER
from coldstart.embeddings.embed import embed
from coldstart.embeddings.epochs import encoders_by_epoch
from coldstart.evaluation.knn import knn_accuracy
from coldstart.evaluation.logistic import fit_probes
from coldstart.evaluation.measure import probabilities_of
from coldstart.evaluation.metrics.top_k import top_k_accuracy
from coldstart.evaluation.scaling import scaling
from coldstart.running.job import Job
from coldstart.training.device import chosen_device
from coldstart.training.watch import spread

SAMPLE = 2048
"""Number of test images from which the effective rank is computed."""


def make(job: Job) -> None:
    """Write ``probes.parquet``: epoch, metric, value; one row per value.

    Epoch 0 is the encoder before training, which an encoder that starts from another one's weights
    lacks. The epoch is missing for an encoder that was not trained in epochs. The metrics are
    ``knn`` and ``linear`` (share of test images that are classified right), ``embedding-std`` and
    ``effective-rank`` of the test embeddings.
    """
    recipe = Probe.model_validate(job.recipe)
    device = chosen_device(job.settings)
    ids = {split: read_ids(job.inputs["index"], split) for split in ("candidates", "test")}
    labels = {split: read_labels(job.inputs["labels"], which) for split, which in ids.items()}
    inside = {split: labels[split] != OUTLIER for split in ids}
    images = {
        split: read_images(job.inputs["images"], which[inside[split]])
        for split, which in ids.items()
    }
    known = {split: labels[split][inside[split]] for split in ids}
    rows = []
    for epoch, encoder in encoders_by_epoch(job, images["candidates"].shape[1:], device):
        features = {
            split: embed(encoder, part, Embedding(batch_size=recipe.batch_size), device)
            for split, part in images.items()
        }
        values = probe(
            features["candidates"], known["candidates"], features["test"], known["test"], recipe
        )
        said = ", ".join(f"{metric} {value:.3f}" for metric, value in values.items())
        log.info("%s: %s", "the encoder" if epoch is None else f"epoch {epoch}", said)
        rows += [(epoch, metric, value) for metric, value in values.items()]
    table = pd.DataFrame(rows, columns=["epoch", "metric", "value"]).astype({"epoch": "Int64"})
    table.to_parquet(job.out / "probes.parquet", index=False)


def probe(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    test_features: NDArray[np.float32],
    test_labels: NDArray[np.int64],
    recipe: Probe,
) -> dict[str, float]:
    """Measure embeddings by the metrics that ``make`` names.

    The linear classifier sees embeddings of mean 0 and variance 1 over the labelled images.

    Args:
        features: embeddings of labelled images, [n, dim].
        labels: their classes, from 0, [n].
        test_features: [m, dim].
        test_labels: [m].
        recipe: settings of the classifiers.
    """
    mean, scale = scaling(features)
    classes = int(max(labels.max(), test_labels.max())) + 1
    coef, intercept = fit_probes(
        (features - mean) * scale,
        labels,
        [np.arange(len(labels))],
        classes,
        recipe.c,
        recipe.tolerance,
    )
    (predicted,) = probabilities_of((test_features - mean) * scale, coef, intercept)
    every = np.linspace(0, len(test_features) - 1, min(SAMPLE, len(test_features))).astype(int)
    spread_out = spread(torch.from_numpy(test_features[every]).double())
    return {
        "knn": knn_accuracy(
            features, labels, test_features, test_labels, recipe.k, recipe.temperature
        ),
        "linear": top_k_accuracy(predicted[0], test_labels, 1),
        "embedding-std": spread_out.std,
        "effective-rank": spread_out.rank,
    }
