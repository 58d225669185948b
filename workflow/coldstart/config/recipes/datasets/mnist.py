"""Recipe of MNIST."""

from typing import Literal

from coldstart.config.recipes.datasets import Dataset


class Mnist(Dataset):
    """MNIST."""

    source: Literal["mnist"]
