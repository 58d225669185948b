"""Recipe of CIFAR-100."""

from typing import Literal

from coldstart.config.recipes.datasets import Dataset


class Cifar100(Dataset):
    """CIFAR-100, with one of its two sets of labels."""

    source: Literal["cifar100"]
    labels: Literal["fine", "coarse"]
    """Its 100 classes or its 20 superclasses."""
