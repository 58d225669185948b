"""Fashion-MNIST (Xiao et al. 2017), from the published IDX files."""

from collections.abc import Mapping
from typing import Any

from coldstart.data.source import Source
from coldstart.data.sources import idx
from coldstart.running.settings import Settings

SET = idx.published(
    title="Fashion-MNIST",
    page="https://github.com/zalandoresearch/fashion-mnist",
    folder="FashionMNIST/raw",
    base="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    packed={
        "train-images-idx3-ubyte": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "train-labels-idx1-ubyte": "25c81989df183df01b3e8a0aad5dffbe",
        "t10k-images-idx3-ubyte": "bef4ecab320f06d8554ea6380940ec79",
        "t10k-labels-idx1-ubyte": "bb300cfdad3c16e7a12a480ee83cd310",
    },
    unpacked={
        "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
        "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
        "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
    },
)
DIGEST = SET.digest

missing = SET.missing


def read(recipe: Mapping[str, Any], settings: Settings) -> Source:
    """The 60,000 training images, then the 10,000 test images, in the published order."""
    return idx.read(SET, recipe, settings)
