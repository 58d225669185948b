"""Recipe of CIFAR-10."""

from typing import Literal

from coldstart.config.recipes.datasets import Dataset


class Cifar10(Dataset):
    """CIFAR-10."""

    source: Literal["cifar10"]
