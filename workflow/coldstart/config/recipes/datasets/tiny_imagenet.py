"""Recipe of Tiny ImageNet."""

from typing import Literal

from coldstart.config.recipes.datasets import Dataset


class TinyImageNet(Dataset):
    """Tiny ImageNet."""

    source: Literal["tiny-imagenet"]
