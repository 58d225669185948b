"""CIFAR-100 (Krizhevsky 2009), from the published batch files; with its 100 classes or 20."""

from collections.abc import Mapping
from typing import Any

from coldstart.data.published import File, PublishedSet
from coldstart.data.source import Source
from coldstart.data.sources import cifar
from coldstart.running.settings import Settings

SET = PublishedSet(
    title="CIFAR-100",
    page="https://www.cs.toronto.edu/~kriz/cifar.html",
    parts={
        "train": [File("cifar-100-python/train", "16019d7e3df5f24257cddd939b257f8d")],
        "test": [File("cifar-100-python/test", "f0ef6b0ae62326f3e7ffdfab6717acfc")],
    },
    archive=File(
        "cifar-100-python.tar.gz",
        "eb9058c3a382ffc7106e4002c42a8d85",
        "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
    ),
)
DIGEST = SET.digest
SIZES = {"train": 50_000, "test": 10_000}

missing = SET.missing


def read(recipe: Mapping[str, Any], settings: Settings) -> Source:
    """The 50,000 training images, then the 10,000 test images, in the published order."""
    # The recipe of the images has no choice of labels, and its labels are not asked for.
    return cifar.read(SET, SIZES, f"{recipe.get('labels')}_labels", recipe, settings)
