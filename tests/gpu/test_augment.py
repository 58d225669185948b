"""Views on a GPU, where a transform is computed for all images, are those of the CPU."""

from pathlib import Path

import pytest
import torch

from coldstart.config.load import load
from coldstart.training.augment import augment

WORKFLOW = Path(__file__).parents[2] / "workflow"
AUGMENTATIONS = load({"studies": [], "scale": "paper"}, [], WORKFLOW).recipes


@pytest.mark.parametrize("name", AUGMENTATIONS.names("augmentations"))
def test_views_equal_those_of_the_cpu(name, gpu, monkeypatch):
    recipe = AUGMENTATIONS.get("augmentations", name)
    plain = torch.rand

    def drawn_on_the_cpu(count, generator, device):
        return plain(count, generator=source).to(device)

    monkeypatch.setattr(torch, "rand", drawn_on_the_cpu)
    pixels = torch.randint(0, 256, (64, 3, 32, 32), generator=torch.Generator().manual_seed(3))
    views = []
    for device in (torch.device("cpu"), gpu):
        source = torch.Generator().manual_seed(1)
        images = (pixels / 255).to(device)
        views.append(augment(images, recipe, torch.Generator(device)).cpu())
    apart = (views[0] - views[1]).abs()
    # A value that lies between two levels may be rounded to either, and equalised far from it.
    assert (apart <= 1 / 255).float().mean() > 0.999
    assert (apart <= 1e-4).float().mean() > 0.99
