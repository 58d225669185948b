"""Recipe of Kuzushiji-MNIST."""

from typing import Literal

from coldstart.config.recipes.datasets import Dataset


class Kmnist(Dataset):
    """Kuzushiji-MNIST."""

    source: Literal["kmnist"]
