"""A small recipe of every method, which takes it through the tests that all methods share."""

import copy
import importlib

import pytest
import torch

from coldstart.config.recipes.augmentations import Augmentation
from coldstart.config.recipes.augmentations.crop import Crop
from coldstart.config.recipes.backbones.convs import Convs
from coldstart.config.recipes.backbones.resnet import ResNet
from coldstart.config.recipes.encoders import Head, Trained
from coldstart.config.recipes.encoders.barlow_twins import BarlowTwins
from coldstart.config.recipes.encoders.byol import Byol
from coldstart.config.recipes.encoders.dino import Dino
from coldstart.config.recipes.encoders.moby import Moby
from coldstart.config.recipes.encoders.moco_v2 import MocoV2
from coldstart.config.recipes.encoders.rotation import Rotation
from coldstart.config.recipes.encoders.scan import Scan
from coldstart.config.recipes.encoders.self_label import SelfLabel
from coldstart.config.recipes.encoders.simclr import SimClr
from coldstart.config.recipes.encoders.vae import Vae
from coldstart.config.recipes.optimizers import Optimizer
from coldstart.ssl.models import build_model
from coldstart.training.model import Inputs

BACKBONE = ResNet(family="resnet", stem="cifar", widths=[4, 8], blocks=[1, 1])
CROPPED = Augmentation(transforms=[Crop(op="crop", scale=[0.5, 1.0])])
LOCAL = Augmentation(transforms=[Crop(op="crop", scale=[0.2, 0.5], size=6)])
TRAINING = {
    "backbone": BACKBONE,
    "views": [CROPPED, CROPPED],
    "optimizer": Optimizer(name="adamw", lr=3e-3, schedule="cosine", warmup_epochs=1),
    "epochs": 4,
    "batch_size": 32,
    "precision": "fp32",
}
HEAD = Head(widths=[16, 8])
LAYER = Head(widths=[8], activate_last=True)
GELU = Head(widths=[16, 8], activation="gelu")
RISING = {"target_decay": 0.9, "target_schedule": "cosine"}
# Queues hold no whole number of batches, so that they wrap around within one.
QUEUE = {"temperature": 0.2, "queue": 50, **RISING}
ONE_VIEW = {"views": [CROPPED]}
CLUSTERS = {"clusters": 5, **TRAINING}
CONVS = Convs(family="convs", widths=[4, 8], latent=6)

CASES: dict[str, Trained] = {
    "byol": Byol(method="byol", projector=HEAD, predictor=HEAD, target_decay=0.95, **TRAINING),
    "byol-cosine": Byol(method="byol", projector=HEAD, predictor=HEAD, **RISING, **TRAINING),
    "simclr": SimClr(method="simclr", projector=HEAD, temperature=0.5, **TRAINING),
    "moco-v2": MocoV2(method="moco-v2", projector=HEAD, **QUEUE, **TRAINING),
    "barlow-twins": BarlowTwins(
        method="barlow-twins", projector=HEAD, off_diagonal=0.05, **TRAINING
    ),
    "moby": Moby(method="moby", projector=HEAD, predictor=HEAD, **QUEUE, **TRAINING),
    "mobyv2al": Moby(method="moby", projector=LAYER, predictor=LAYER, **QUEUE, **TRAINING),
    "moby, no heads": Moby(method="moby", projector=None, predictor=None, **QUEUE, **TRAINING),
    "dino": Dino(
        method="dino",
        projector=GELU,
        prototypes=12,
        teacher_warmup_epochs=2,
        **RISING,
        **{**TRAINING, "views": [CROPPED, CROPPED, LOCAL]},
    ),
    "vae": Vae(method="vae", kl_weight=0.01, **{**TRAINING, **ONE_VIEW, "backbone": CONVS}),
    "rotation": Rotation(method="rotation", **{**TRAINING, **ONE_VIEW}),
    # They go on from a case by its name: see ``trainings.start_of``.
    "scan": Scan(method="scan", start="byol", neighbours=4, entropy_weight=2.0, **CLUSTERS),
    "self-label": SelfLabel(method="self-label", start="scan", threshold=0.25, **CLUSTERS),
}


def inputs(height=8, width=8, channels=1):
    """The description of images of this shape, as a model is given it."""
    return Inputs(height, width, channels, torch.full([channels], 0.4), torch.full([channels], 0.3))


def views(count, size=8, channels=1, number=2, seed=0):
    """Views of as many images, each float [count, channels, size, size] in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(count, channels, size, size, generator=generator) for _ in range(number)]


SETTLED = {}


def settled(recipe, steps=10, **shape):
    """A model that has taken some steps, so that its networks, BatchNorms and queues differ."""
    key = (recipe.model_dump_json(), steps, *sorted(shape.items()))
    if key not in SETTLED:
        SETTLED[key] = _trained(recipe, steps, shape)
    return copy.deepcopy(SETTLED[key])


def _trained(recipe, steps, shape):
    model = build_model(recipe, inputs(**shape), seed=1).train()
    optimizer = torch.optim.SGD(model.online.parameters(), lr=0.1)
    for step in range(steps):
        seen = views(
            12, channels=shape.get("channels", 1), number=len(recipe.views), seed=100 + step
        )
        optimizer.zero_grad()
        model.loss_of_views(seen, 0.5).backward()
        optimizer.step()
        model.after_step(0.5)
    model.zero_grad()
    return model


def with_running_statistics(model):
    """Training mode but for BatchNorm, so that images of a batch do not depend on each other."""
    model.train()
    for module in model.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.eval()
    return model


def lightly(module="lightly.loss"):
    """A module of Lightly's; a test that asks for it is skipped where it is not installed."""
    importlib.import_module(
        "coldstart.common.vision"
    )  # it imports torchvision, which may need help
    return pytest.importorskip(module)
