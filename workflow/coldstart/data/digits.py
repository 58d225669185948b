"""The handwritten digits that come with scikit-learn (Alpaydin & Kaynak 1998): always at hand."""

import hashlib
from pathlib import Path

import numpy as np

from coldstart.data.source import Source

LEVELS = 16
"""Ink is counted from 0 to 16 in each of the 8x8 cells."""


def missing(data_dir: Path) -> str | None:
    """Nothing ever is."""
    return None


def read(data_dir: Path, download: bool) -> Source:
    """The 1,797 images, 8x8 and grey, stretched to the whole range of a byte."""
    import sklearn.datasets

    digits = sklearn.datasets.load_digits()
    ink = digits.images.astype(np.uint8)
    labels = digits.target.astype(np.int64)
    return Source(
        images=np.round(ink[..., None] * (255 / LEVELS)).astype(np.uint8),
        labels=labels,
        parts=["all"] * len(labels),
        digest="sha256:" + hashlib.sha256(ink.tobytes() + labels.tobytes()).hexdigest(),
    )
