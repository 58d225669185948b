"""Recipe of SVHN."""

from typing import Literal

from coldstart.config.recipes.datasets import Dataset


class Svhn(Dataset):
    """SVHN."""

    source: Literal["svhn"]
