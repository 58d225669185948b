"""A joint training against pretraining alone plus a classifier alone: images per second, memory.

python tests/benchmarks/bench_joint.py [--learner mobyv2al-resnet18] [--scale cpu] [--steps 20]

Each part is trained in a process of its own, whose peak memory is its own too. The parts take
turns, and the fastest turn of each counts. An image counts once, whatever its views. For each
image that the joint training sees, the sum of its parts pretrains on it and, if it is labelled,
trains the classifier on it.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import coldstart  # noqa: F401  # before torch: threads wait as in jobs

# isort: split

import numpy as np
import torch

from coldstart.config.load import load
from coldstart.config.recipes.learners.classifier import Classifier
from coldstart.learners.networks import build_network
from coldstart.ssl.models import build_model
from coldstart.training.device import resolve_device
from coldstart.training.images import Images, channel_statistics
from coldstart.training.model import LABELLED, UNLABELLED, Inputs
from coldstart.training.streams import Stream
from coldstart.training.trainer import Trainer

WORKFLOW = Path(__file__).parents[2] / "workflow"
PARTS = ("joint", "pretraining", "classifier")
CLASSES = 10


class Timed(Trainer):
    """Notes the seconds of each step."""

    def _train_step(self, batches):
        start = time.perf_counter()
        super()._train_step(batches)
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        self.taken = [*getattr(self, "taken", []), time.perf_counter() - start]

    def _watched(self):
        return {}


def trainer(part, joint, images, device):
    """Build the training of a part, one epoch of as many steps as there are batches of images."""
    pool = Images.of(images)
    inputs = Inputs(*images.shape[1:], *channel_statistics(pool))
    labels = torch.arange(len(images)) % CLASSES
    if part == "pretraining":
        recipe = joint.method.model_copy(update={"epochs": 1, "snapshots": 0})
        streams = {UNLABELLED: Stream(pool, recipe.views, recipe.batch_size)}
        return Timed(build_model(recipe, inputs, 0), streams, recipe, 0, device)
    recipe = joint.model_copy(update={"epochs": 1})
    if part == "classifier":
        shared = {name: getattr(joint, name) for name in Classifier.model_fields if name in PLAIN}
        recipe = Classifier(learner="classifier", epochs=1, **shared)
    streams = {
        name: Stream(pool, one.views, one.batch_size, labels if name == LABELLED else None)
        for name, one in recipe.streams().items()
    }
    return Timed(build_network(recipe, inputs, CLASSES, 0), streams, recipe, 0, device)


PLAIN = ("backbone", "views", "optimizer", "batch_size", "precision", "dropout")


def measure(part, joint, steps, size, channels):
    """Train a part and return seconds of its median step, and megabytes at its peak."""
    device = resolve_device("auto")
    shape = (steps * joint.batch_size, size, size, channels)
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    training = trainer(part, joint, images, device)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    training.run()
    if device.type == "cuda":
        peak = torch.cuda.max_memory_allocated() / 2**20
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before
    return {"seconds": float(np.median(training.taken[2:])), "megabytes": peak}


def in_a_process(part, arguments):
    """Measure a part in a process of its own."""
    command = [sys.executable, __file__, *arguments, "--part", part]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--learner", default="mobyv2al-resnet18")
    parser.add_argument("--scale", default="cpu")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--channels", type=int, default=3)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--part", choices=PARTS)
    chosen = parser.parse_args()
    settings = {"scale": chosen.scale, "studies": "quickstart"}
    joint = load(settings, [], WORKFLOW).recipes.get("learners", chosen.learner)
    if chosen.part:
        print(json.dumps(measure(chosen.part, joint, chosen.steps, chosen.size, chosen.channels)))
        return
    turns = [
        {part: in_a_process(part, sys.argv[1:]) for part in PARTS} for _ in range(chosen.turns)
    ]
    fastest = {part: min(turn[part]["seconds"] for turn in turns) for part in PARTS}
    peak = {part: max(turn[part]["megabytes"] for turn in turns) for part in PARTS}
    labelled, unlabelled = joint.batch_size, joint.method.batch_size
    seen = labelled + (0 if joint.unlabelled == "none" else unlabelled)
    pretrained = (labelled if joint.on_labelled else 0) + seen - labelled
    apart = fastest["pretraining"] * pretrained / unlabelled + fastest["classifier"]
    print(f"{chosen.learner}, {chosen.scale}: a step sees {labelled} labelled images and", end=" ")
    print(f"{seen - labelled} others, {pretrained} of them all by the self-supervised loss")
    for part in PARTS:
        print(f"  {part:12} {1e3 * fastest[part]:8.1f} ms a step {peak[part]:8.0f} MB at the peak")
    print(f"joint        {seen / fastest['joint']:8.0f} images/s")
    print(f"its parts    {seen / apart:8.0f} images/s; joint is {apart / fastest['joint']:.2f} x")


if __name__ == "__main__":
    main()
