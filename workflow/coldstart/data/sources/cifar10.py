"""CIFAR-10 (Krizhevsky 2009), from the published batch files."""

from collections.abc import Mapping
from typing import Any

from coldstart.data.published import File, PublishedSet
from coldstart.data.source import Source
from coldstart.data.sources import cifar
from coldstart.running.settings import Settings

FOLDER = "cifar-10-batches-py"
TRAIN = (
    "c99cafc152244af753f735de768cd75f",
    "d4bba439e000b95fd0a9bffe97cbabec",
    "54ebc095f3ab1f0389bbae665268c751",
    "634d18415352ddfa80567beed471001a",
    "482c414d41f54cd18b22e5b47cb7c3cb",
)
SET = PublishedSet(
    title="CIFAR-10",
    page="https://www.cs.toronto.edu/~kriz/cifar.html",
    parts={
        "train": [
            File(f"{FOLDER}/data_batch_{number}", md5) for number, md5 in enumerate(TRAIN, 1)
        ],
        "test": [File(f"{FOLDER}/test_batch", "40351d587109b95175f43aff81a1287e")],
    },
    archive=File(
        "cifar-10-python.tar.gz",
        "c58f30108f718f92721af3b95e74349a",
        "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    ),
)
DIGEST = SET.digest
SIZES = {"train": 10_000, "test": 10_000}

missing = SET.missing


def read(recipe: Mapping[str, Any], settings: Settings) -> Source:
    """The 50,000 training images, then the 10,000 test images, in the published order."""
    return cifar.read(SET, SIZES, "labels", recipe, settings)
