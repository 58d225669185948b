"""BYOL's training step against a plain loop: images per second (an image is both its views).

The plain loop has the usual memory layout, one pass for each view, and one tensor at a time in the
optimiser and the moving average. Steps of both take turns, and each has its fastest one printed.
"""

import argparse
import time
from contextlib import ExitStack

import coldstart  # noqa: F401  # before torch: threads wait as in jobs

# isort: split

import numpy as np
import torch

from coldstart.config.recipes.augmentations import Augmentation
from coldstart.config.recipes.augmentations.crop import Crop
from coldstart.config.recipes.augmentations.flip import Flip
from coldstart.config.recipes.augmentations.grey import Grey
from coldstart.config.recipes.augmentations.jitter import Jitter
from coldstart.config.recipes.backbones.resnet import ResNet
from coldstart.config.recipes.encoders import Head
from coldstart.config.recipes.encoders.byol import Byol
from coldstart.config.recipes.optimizers import Optimizer
from coldstart.ssl.models import build_model
from coldstart.training.augment import augment
from coldstart.training.backbones import unit_images
from coldstart.training.device import resolve_device
from coldstart.training.images import Images, channel_statistics
from coldstart.training.model import Inputs
from coldstart.training.streams import epoch_order, unlabelled
from coldstart.training.trainer import Trainer


def recipe(widths: list[int], blocks: list[int]) -> Byol:
    jitter = Jitter(
        op="jitter", probability=0.8, brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1
    )
    transforms = [
        Crop(op="crop", scale=[0.2, 1.0]),
        Flip(op="flip"),
        jitter,
        Grey(op="grey", probability=0.2),
    ]
    return Byol(
        method="byol",
        backbone=ResNet(family="resnet", stem="half", widths=widths, blocks=blocks),
        projector=Head(widths=[512, 128]),
        predictor=Head(widths=[512, 128]),
        target_decay=0.99,
        views=[Augmentation(transforms=transforms)] * 2,
        optimizer=Optimizer(name="adamw", lr=2e-3),
        epochs=1,
        batch_size=256,
        precision="fp32",
    )


class Plain:
    """The obvious training step."""

    def __init__(self, model, images, recipe, device):
        self.model, self.recipe = model.to(device).train(), recipe
        self.images = torch.from_numpy(images).to(device)
        parameters = model.online.parameters()
        self.optimizer = torch.optim.AdamW(parameters, lr=2e-3, foreach=False, fused=False)
        self.generator = torch.Generator(device)

    def step(self, index):
        online, target = self.model.online, self.model.target
        images = unit_images(self.images[index]).contiguous()
        views = [augment(images, view, self.generator) for view in self.recipe.views]
        predictions = [online(view) for view in views]
        with torch.no_grad():
            projections = [target(view) for view in reversed(views)]
        pairs = zip(predictions, projections, strict=True)
        cosines = [torch.cosine_similarity(p, z).mean() for p, z in pairs]
        self.optimizer.zero_grad()
        (4 - 2 * sum(cosines)).backward()
        self.optimizer.step()
        with torch.no_grad():
            for name, parameter in target.named_parameters():
                parameter.mul_(0.99).add_(online.get_parameter(name), alpha=0.01)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--widths", type=int, nargs="+", default=[24, 48, 96, 192])
    parser.add_argument("--blocks", type=int, nargs="+", default=[1, 1, 1, 1])
    parser.add_argument("--steps", type=int, default=10)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = resolve_device(arguments.device)
    byol = recipe(arguments.widths, arguments.blocks)
    size = (byol.batch_size * (arguments.steps + 2), 32, 32, 3)
    images = np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8)
    inputs = Inputs(*images.shape[1:], *channel_statistics(images))
    trainer = Trainer(
        build_model(byol, inputs, 0), unlabelled(Images.of(images), byol), byol, 0, device
    )
    batches = trainer._batches(ExitStack())
    plain = Plain(build_model(byol, inputs, 0), images, byol, device)
    order = epoch_order(len(images), 0, 0).to(device)
    seconds = []
    for step in range(arguments.steps + 2):
        index = order[step * byol.batch_size : (step + 1) * byol.batch_size]
        seconds.append([])
        for run in (lambda: trainer._train_step(batches), lambda i=index: plain.step(i)):
            if device.type == "cuda":
                torch.cuda.synchronize()
            wall, cpu = time.perf_counter(), time.process_time()
            run()
            if device.type == "cuda":
                torch.cuda.synchronize()
            seconds[-1].append((time.perf_counter() - wall, time.process_time() - cpu))
    (ours, ours_cpu), (theirs, theirs_cpu) = np.min(seconds[2:], axis=0)
    print(f"{arguments.widths} {arguments.blocks} on {device}, {arguments.threads} threads")
    for name, wall, cpu in (("trainer", ours, ours_cpu), ("plain loop", theirs, theirs_cpu)):
        print(f"{name:11s} {byol.batch_size / wall:6.0f} images/s  ({cpu:.2f} s of CPU a step)")
    print(f"ratio       {theirs / ours:6.2f}")


if __name__ == "__main__":
    main()
