"""The handwritten digits that come with scikit-learn (Alpaydin & Kaynak 1998): always at hand."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from coldstart.data.source import Part, Source, in_chunks
from coldstart.running.settings import Settings

LEVELS = 16
"""Ink is counted from 0 to 16 in each of the 8x8 cells."""

DIGEST = None


def missing(recipe: Mapping[str, Any], settings: Settings) -> str | None:
    """Nothing ever is."""
    return None


def read(recipe: Mapping[str, Any], settings: Settings) -> Source:
    """The 1,797 images, 8x8 and grey, stretched to the whole range of a byte."""
    import sklearn.datasets

    digits = sklearn.datasets.load_digits()
    ink = digits.images.astype(np.uint8)
    labels = digits.target.astype(np.int64)
    images = np.round(ink[..., None] * (255 / LEVELS)).astype(np.uint8)
    part = Part("all", len(labels), lambda: in_chunks(images), lambda: labels)
    content = ink.tobytes() + labels.tobytes()
    return Source([part], lambda: f"sha256:{hashlib.sha256(content).hexdigest()}")
