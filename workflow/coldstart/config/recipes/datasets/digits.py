"""Recipe of the digits of scikit-learn."""

from typing import Literal

from coldstart.config.recipes.datasets import Dataset


class Digits(Dataset):
    """The digits of scikit-learn."""

    source: Literal["digits"]
