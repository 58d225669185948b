"""Recipe of STL-10."""

from typing import Literal

from coldstart.config.recipes.datasets import Dataset


class Stl10(Dataset):
    """STL-10."""

    source: Literal["stl10"]
