"""Recipe of Fashion-MNIST."""

from typing import Literal

from coldstart.config.recipes.datasets import Dataset


class FashionMnist(Dataset):
    """Fashion-MNIST."""

    source: Literal["fashion-mnist"]
