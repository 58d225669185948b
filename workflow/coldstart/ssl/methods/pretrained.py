"""A backbone of the project's own with weights from a file: nothing is trained."""

from torch import nn

from coldstart.config.recipes.encoders.pretrained import Pretrained
from coldstart.ssl.from_file import read, restore
from coldstart.training.backbones import build_backbone

__all__ = ["build", "read", "restore"]


def build(recipe: Pretrained) -> nn.Module:
    """Build the backbone for images of three channels; its weights are drawn."""
    return build_backbone(recipe.backbone, recipe.size, recipe.size, channels=3)
