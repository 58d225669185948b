"""Images that a learner is trained on beside those whose labels were bought."""

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
    """Images of the stream ``unlabelled``.

    Attributes:
        images: of the pool.
        labels: of the images, where a learner has some that nobody bought: int64 [n].
    """

    images: Images
    labels: Tensor | None = None


def whole_pool(job: Job, recipe: Network, bought: Bought, pool: Images, seed: int) -> Beside:
    """Return all images of the split unlabeled: what learners see unless their module says other.

    A learner's module may have a function ``beside`` of these arguments.

    Args:
        job: has the inputs of the training.
        recipe: of the learner.
        bought: labels, and outliers, which were bought too.
        pool: the images of the split.
        seed: of the training.
    """
    return Beside(pool)


def without_label(bought: Bought, pool: Images) -> NDArray[np.int64]:
    """Return the ids of a pool's images whose labels were not bought, in their order: int64 [n]."""
    taken = np.isin(pool.rows, np.concatenate([bought.ids, bought.outliers]))
    rows: NDArray[np.int64] = pool.rows[~taken]
    return rows
