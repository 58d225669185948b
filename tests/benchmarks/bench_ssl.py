"""Pretraining, whole steps: images/s and peak memory of our trainer and lightly's, and the limit.

Both train the same backbone on the same images, in batches of the same size and in the same
precision, on two views that are drawn alike: crop of 8 to 100 %, flip, jitter 0.4, 0.4, 0.4, 0.1 in
four of five, grey in one of five. Theirs are its transforms on PIL images, a loader with a worker
for each core, its heads and its loss, with one thread or one for each core, that spin or do not:
whichever is fastest. Each side runs in a process of its own, in turn; the fastest
round counts. Two more figures say what bounds ours: its images/s where a view is the image itself,
and the share that it reaches of the rate of a large matrix product in the same precision.

    python tests/benchmarks/bench_ssl.py [methods ...] [--batch 128] [--steps 60] [--device auto]
        [--out FOLDER]
"""

import argparse
import copy
import json
import os
import resource
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import coldstart  # noqa: F401  # before torch: threads wait as in jobs

# isort: split

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from coldstart.common import vision  # noqa: F401  # torchvision, for lightly, beside a CPU build of torch
from coldstart.config.recipes.augmentations import Augmentation
from coldstart.config.recipes.augmentations.crop import Crop
from coldstart.config.recipes.augmentations.flip import Flip
from coldstart.config.recipes.augmentations.grey import Grey
from coldstart.config.recipes.augmentations.jitter import Jitter
from coldstart.config.recipes.backbones.resnet import ResNet
from coldstart.config.recipes.encoders import Head
from coldstart.config.recipes.encoders.barlow_twins import BarlowTwins
from coldstart.config.recipes.encoders.byol import Byol
from coldstart.config.recipes.encoders.moco_v2 import MocoV2
from coldstart.config.recipes.encoders.simclr import SimClr
from coldstart.config.recipes.optimizers import Optimizer
from coldstart.ssl.models import build_model
from coldstart.training.backbones import build_backbone
from coldstart.training.device import place, resolve_device, use_bf16
from coldstart.training.images import Images, channel_statistics
from coldstart.training.model import Inputs
from coldstart.training.streams import unlabelled
from coldstart.training.trainer import Trainer

SIZE = 32
ROUNDS = 2
WARM = 10  # steps that are not timed
SMALL = ResNet(family="resnet", stem="half", widths=[24, 48, 96, 192], blocks=[1, 1, 1, 1])
LARGE = ResNet(family="resnet", stem="cifar", widths=[64, 128, 256, 512], blocks=[2, 2, 2, 2])
VIEW = Augmentation(
    transforms=[
        Crop(op="crop", scale=[0.08, 1.0]),
        Flip(op="flip"),
        Jitter(op="jitter", probability=0.8, brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1),
        Grey(op="grey", probability=0.2),
    ]
)
STILL = Augmentation(transforms=[])  # a view that is the image itself
HIDDEN, OUT, QUEUE = 512, 128, 4096
OURS = {
    "byol": partial(
        Byol,
        projector=Head(widths=[HIDDEN, OUT]),
        predictor=Head(widths=[HIDDEN, OUT]),
        target_decay=0.99,
    ),
    "simclr": partial(SimClr, projector=Head(widths=[HIDDEN, OUT]), temperature=0.5),
    "moco-v2": partial(
        MocoV2,
        projector=Head(widths=[HIDDEN, OUT], batchnorm=False),
        temperature=0.1,
        queue=QUEUE,
        target_decay=0.99,
    ),
    "barlow-twins": partial(
        BarlowTwins, projector=Head(widths=[HIDDEN, HIDDEN, HIDDEN]), off_diagonal=0.005
    ),
}


def recipe(method, batch, device, view=VIEW):
    """Our recipe of a method; the epochs are cut where the steps have been timed."""
    return OURS[method](
        method=method,
        backbone=backbone(device),
        views=[view, view],
        optimizer=Optimizer(name="sgd", lr=0.06 * batch / 128, weight_decay=5e-4),
        epochs=1,
        batch_size=batch,
    )


def backbone(device):
    return LARGE if device.type == "cuda" else SMALL


def pictures(count):
    """Noise with structure of several sizes: JPEG-free, so that only the steps are timed.

    A few at a time, so that the peak of memory is the training's.
    """
    rng = np.random.default_rng(0)
    images = np.empty((count, SIZE, SIZE, 3), np.uint8)
    for part in np.array_split(images, -(-count // 256)):
        coarse = rng.integers(256, size=(len(part), 8, 8, 3)).repeat(4, 1).repeat(4, 2)
        fine = rng.integers(-20, 20, size=part.shape)
        part[:] = (coarse + fine).clip(0, 255)
    return images


def ours(method, batch, steps, device, view=VIEW):
    """Images/s of our trainer, as the pretraining job runs it."""
    images = pictures(batch * (WARM + steps))
    how = recipe(method, batch, device, view)
    model = build_model(how, Inputs(SIZE, SIZE, 3, *channel_statistics(images)), seed=0)
    # An epoch of the trainer with a clock around the steps that count: its loop, not a copy of it.
    clock = Clock(WARM, steps, device)
    after = model.after_step
    model.after_step = lambda done: (after(done), clock.tick())
    Trainer(model, unlabelled(Images.of(images), how), how, 0, device).run()
    return batch * steps / clock.seconds


def network(method, batch, steps, device):
    """Images/s of our trainer where the views take no time."""
    return ours(method, batch, steps, device, STILL)


def work(method, batch, device):
    """Floating-point operations for an image: its views forward and backward, by layers' shapes."""
    images = pictures(batch)
    how = recipe(method, batch, device)
    model = build_model(how, Inputs(SIZE, SIZE, 3, *channel_statistics(images)), seed=0).train()
    views = [torch.rand(batch, 3, SIZE, SIZE) for _ in how.views]
    with FlopCounterMode(display=False) as counter:
        model.loss_of_views(views, 0.0).backward()
    return counter.get_total_flops() / batch


def matrix_rate(device):
    """Floating-point operations a second of a large matrix product, in the training's precision."""
    size = 8192 if device.type == "cuda" else 2048
    dtype = torch.bfloat16 if use_bf16("auto", device) else torch.float32
    a, b = torch.randn(2, size, size, device=device, dtype=dtype)
    clock = Clock(3, 10, device)
    for _ in range(13):
        a @ b
        clock.tick()
    return 10 * 2 * size**3 / clock.seconds


def theirs(method, batch, steps, device):
    """Images/s of the loop that lightly's documentation shows."""
    from lightly.loss import BarlowTwinsLoss, NegativeCosineSimilarity, NTXentLoss
    from lightly.models.modules import heads
    from lightly.models.utils import deactivate_requires_grad, update_momentum
    from lightly.transforms import SimCLRTransform
    from PIL import Image

    transform = SimCLRTransform(input_size=SIZE, cj_strength=0.5, gaussian_blur=0.0)

    class Pictures(torch.utils.data.Dataset):
        def __init__(self, images):
            self.images = images

        def __len__(self):
            return len(self.images)

        def __getitem__(self, index):
            return transform(Image.fromarray(self.images[index]))

    loader = torch.utils.data.DataLoader(
        Pictures(pictures(batch * (WARM + steps))),
        batch_size=batch,
        shuffle=True,
        drop_last=True,
        num_workers=os.cpu_count(),
        pin_memory=device.type == "cuda",
        persistent_workers=True,
    )
    net = build_backbone(backbone(device), SIZE, SIZE, 3)
    dim = backbone(device).dim
    if method == "byol":
        head = nn.Sequential(heads.BYOLProjectionHead(dim, HIDDEN, OUT))
        predictor = heads.BYOLPredictionHead(OUT, HIDDEN, OUT).to(device)
        criterion = NegativeCosineSimilarity()
    elif method == "simclr":
        head, criterion = heads.SimCLRProjectionHead(dim, HIDDEN, OUT), NTXentLoss(0.5)
    elif method == "moco-v2":
        head = heads.MoCoProjectionHead(dim, HIDDEN, OUT)
        criterion = NTXentLoss(0.1, memory_bank_size=(QUEUE, OUT))
    else:
        head = heads.BarlowTwinsProjectionHead(dim, HIDDEN, HIDDEN)
        criterion = BarlowTwinsLoss()
    model = place(nn.Sequential(net, head), device).train()
    criterion = criterion.to(device)
    parameters = list(model.parameters())
    if method in ("byol", "moco-v2"):
        target = copy.deepcopy(model)
        deactivate_requires_grad(target)
    if method == "byol":
        parameters += predictor.parameters()
    optimizer = torch.optim.SGD(parameters, lr=0.06 * batch / 128, momentum=0.9, weight_decay=5e-4)
    bf16 = use_bf16("auto", device)
    clock = Clock(WARM, steps, device)
    for views in loader:
        x0, x1 = (view.to(device, non_blocking=True) for view in views)
        x0, x1 = (x.contiguous(memory_format=torch.channels_last) for x in (x0, x1))
        if method in ("byol", "moco-v2"):
            update_momentum(model, target, m=0.99)
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            if method == "byol":
                p0, p1 = predictor(model(x0)), predictor(model(x1))
                with torch.no_grad():
                    z0, z1 = target(x0), target(x1)
                loss = (criterion(p0, z1) + criterion(p1, z0)) / 2
            elif method == "moco-v2":
                with torch.no_grad():
                    key = target(x1)
                loss = criterion(model(x0), key)
            else:
                loss = criterion(model(x0), model(x1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        clock.tick()
    return batch * steps / clock.seconds


class Clock:
    """Seconds of ``steps`` steps after ``warm`` that do not count."""

    def __init__(self, warm, steps, device):
        self.warm, self.steps, self.device = warm, steps, device
        self.seen, self.seconds = 0, float("nan")

    def tick(self):
        self.seen += 1
        if self.seen == self.warm:
            self._wait()
            self._start = time.perf_counter()
        if self.seen == self.warm + self.steps:
            self._wait()
            self.seconds = time.perf_counter() - self._start

    def _wait(self):
        if self.device.type == "cuda":
            torch.cuda.synchronize()


SIDES = {"ours": ours, "theirs": theirs, "network": network}


def child(side, method, batch, steps, device):
    """Print what one side reaches in this process."""
    device = resolve_device(device)
    found = {"images_per_s": SIDES[side](method, batch, steps, device)}
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * os.cpu_count()
    found["peak_mb"] = (own + (workers if side == "theirs" else 0)) / 1024
    found["gpu_mb"] = torch.cuda.max_memory_allocated() / 2**20 if device.type == "cuda" else 0
    if side == "ours":
        found["matrix_share"] = (
            found["images_per_s"] * work(method, batch, device) / matrix_rate(device)
        )
    print(json.dumps(found))


def settings(side):
    """Settings of one side's threads: each way for theirs, as in jobs for ours."""
    if side != "theirs":
        return [{}]
    return [
        {"OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": policy}
        for threads in sorted({1, os.cpu_count()})
        for policy in ("passive", "active")
    ]


def run(side, method, arguments, threads):
    """Measure one side in a process of its own; returns its output."""
    options = ["--batch", str(arguments.batch), "--steps", str(arguments.steps)]
    command = [sys.executable, __file__, method, *options, "--device", arguments.device]
    done = subprocess.run(
        [*command, "--side", side],
        env=os.environ | threads,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def measure(method, arguments):
    """The fastest of the rounds: a row for each side."""
    found = [
        (side, run(side, method, arguments, threads))
        for _ in range(ROUNDS)
        for side in SIDES
        for threads in settings(side)
    ]
    best = {
        side: max((r for s, r in found if s == side), key=lambda r: r["images_per_s"])
        for side in SIDES
    }
    for side, found in best.items():
        ratio = best["ours"]["images_per_s"] / found["images_per_s"]
        yield {"method": method, "side": side, **found, "ours_over_it": ratio}


def machine(arguments):
    """The machine and versions that the numbers hold for, a column each."""
    device = resolve_device(arguments.device)
    gpu = device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name(device) if gpu else processor(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "precision": "bf16" if use_bf16("auto", device) else "fp32",
        "widths": "-".join(map(str, backbone(device).widths)),
        "batch": arguments.batch,
    }


def processor():
    """The processor's name; on Linux only."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("methods", nargs="*", default=list(OURS))
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, help="the folder of the table, bench-ssl.csv")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        child(
            arguments.side, arguments.methods[0], arguments.batch, arguments.steps, arguments.device
        )
        return
    table = pd.DataFrame(
        [row for method in arguments.methods for row in measure(method, arguments)]
    ).round({"images_per_s": 0, "peak_mb": 0, "gpu_mb": 0, "ours_over_it": 2, "matrix_share": 3})
    print(table.to_string(index=False, na_rep=""))
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
        table.assign(**machine(arguments)).to_csv(arguments.out / "bench-ssl.csv", index=False)


if __name__ == "__main__":
    main()
