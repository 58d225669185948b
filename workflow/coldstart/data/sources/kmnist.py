"""Kuzushiji-MNIST (Clanuwat et al. 2018), from the published IDX files."""

from collections.abc import Mapping
from typing import Any

from coldstart.data.source import Source
from coldstart.data.sources import idx
from coldstart.running.settings import Settings

SET = idx.published(
    title="KMNIST",
    page="https://github.com/rois-codh/kmnist",
    folder="KMNIST/raw",
    base="http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
    packed={
        "train-images-idx3-ubyte": "bdb82020997e1d708af4cf47b453dcf7",
        "train-labels-idx1-ubyte": "e144d726b3acfaa3e44228e80efcd344",
        "t10k-images-idx3-ubyte": "5c965bf0a639b31b8f53240b1b52f4d7",
        "t10k-labels-idx1-ubyte": "7320c461ea6c1c855c0b718fb2a4b134",
    },
    unpacked={},  # nobody publishes checksums of these: counts alone are checked
)
DIGEST = SET.digest

missing = SET.missing


def read(recipe: Mapping[str, Any], settings: Settings) -> Source:
    """The 60,000 training images, then the 10,000 test images, in the published order."""
    return idx.read(SET, recipe, settings)
