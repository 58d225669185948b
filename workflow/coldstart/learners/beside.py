"""Images that a learner is trained on in addition to the labelled set."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from coldstart.config.recipes.learners.base import Network
from coldstart.learners.labels import Bought
from coldstart.running.job import Job
from coldstart.training.images import Images


@dataclass(frozen=True, eq=False)
class Beside:
    """The images of the stream ``unlabelled``.

    Attributes:
        images: the images, all from the pool.
        labels: labels that the learner uses although nobody bought them, int64 [n]; None for most.
    """

    images: Images
    labels: Tensor | None = None


def whole_pool(job: Job, recipe: Network, bought: Bought, pool: Images, seed: int) -> Beside:
    """Return all images of the split unlabeled, the default for learners.

    A learner's module can choose other images with a function ``beside`` of the same arguments.

    Args:
        job: the job, with the inputs of the training.
        recipe: the recipe of the learner.
        bought: the labels that were bought, and the outliers, which were bought too.
        pool: the images of the split.
        seed: the seed of the training.
    """
    return Beside(pool)


def without_label(bought: Bought, pool: Images) -> NDArray[np.int64]:
    """Return the ids of a pool's images whose labels were not bought, in pool order: int64 [n]."""
    taken = np.isin(pool.rows, np.concatenate([bought.ids, bought.outliers]))
    rows: NDArray[np.int64] = pool.rows[~taken]
    return rows
