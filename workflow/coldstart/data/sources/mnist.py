"""MNIST (LeCun et al. 1998), from the published IDX files."""

from collections.abc import Mapping
from typing import Any

from coldstart.data.source import Source
from coldstart.data.sources import idx
from coldstart.running.settings import Settings

SET = idx.published(
    title="MNIST",
    page="http://yann.lecun.com/exdb/mnist/",
    folder="MNIST/raw",
    base="https://ossci-datasets.s3.amazonaws.com/mnist/",
    packed={
        "train-images-idx3-ubyte": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "train-labels-idx1-ubyte": "d53e105ee54ea40749a09fcbcd1e9432",
        "t10k-images-idx3-ubyte": "9fb629c4189551a2d022fa330f9573f3",
        "t10k-labels-idx1-ubyte": "ec29112dd5afa0611ce80d1b7f02629c",
    },
    unpacked={
        "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
        "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    },
)
DIGEST = SET.digest

missing = SET.missing


def read(recipe: Mapping[str, Any], settings: Settings) -> Source:
    """The 60,000 training images, then the 10,000 test images, in the published order."""
    return idx.read(SET, recipe, settings)
