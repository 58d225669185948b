"""Passes with dropout through one pass of the trunk, against whole passes: seconds and ratio.

The network is the one that "On initial pools for deep active learning" asks for its DBAL queries, a
ResNet-18 with dropout before a projection, and both sides give the same probabilities: our side is
what a cycle's job calls, with the loading of the network, and the other one is a loop.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import coldstart  # noqa: F401  # before torch: threads wait as in jobs

# isort: split

import numpy as np
import torch
from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).parents[2]))

from coldstart.config.load import load
from coldstart.config.recipes.predictions import Prediction
from coldstart.learners.model import dropping
from coldstart.learners.networks import MODEL, Answers, build_network, load_network
from coldstart.training.model import Inputs
from tests.helpers.clones import ROOT
from tests.helpers.jobs import artefact_in, make_job

SHAPE, CLASSES = (32, 32, 3), 10


def whole_passes(path, recipe, images, passes, device):
    """Pass the whole network so often, float64 [passes, n, classes]."""
    model = load_network(path, recipe, SHAPE, CLASSES, device)
    parts = []
    with torch.inference_mode(), torch.random.fork_rng(), dropping(model):
        for start in range(0, len(images), recipe.batch_size):
            part = torch.from_numpy(images[start : start + recipe.batch_size]).to(device)
            votes = []
            for number in range(passes):
                key = np.random.SeedSequence((0, 0, 0, start, number))
                torch.manual_seed(int(key.generate_state(1, np.uint64)[0]))
                votes.append(torch.softmax(model(part).double(), 1))
            parts.append(torch.stack(votes).cpu().numpy())
    return np.concatenate(parts, axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--learner", default="initial-pools-cifar-dropout")
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--passes", type=int, default=25)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    recipe = load({"scale": "paper"}, [], ROOT / "workflow").recipes.get(
        "learners", arguments.learner
    )
    shape = (arguments.images, *SHAPE)
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    inputs = Inputs(*SHAPE, torch.full((3,), 0.5), torch.full((3,), 0.25))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("images", "model"):
            (folder / part).mkdir()
        np.save(folder / "images/images.npy", images)
        model = build_network(recipe, inputs, CLASSES, 0)
        save_file(
            {key: t.contiguous() for key, t in model.state_dict().items()}, folder / "model" / MODEL
        )
        stored = artefact_in(folder / "model", {"classes": CLASSES})
        described = {"encoder_seed": 0, "trial": 0}
        job = make_job(folder / "out", described, {"images": artefact_in(folder / "images")})
        answers = Answers(job, recipe, Prediction(passes=arguments.passes, dropout=True))
        ids = np.arange(len(images))
        seconds = {"ours": [], "whole": []}
        for _ in range(arguments.rounds):
            begun = time.perf_counter()
            ours = answers.ask(stored, 0, ids, {"predictions"}).predictions
            seconds["ours"].append(time.perf_counter() - begun)
            begun = time.perf_counter()
            whole = whole_passes(
                stored.path(MODEL), recipe, images, arguments.passes, answers.device
            )
            seconds["whole"].append(time.perf_counter() - begun)
            np.testing.assert_array_equal(ours, whole)
    fastest = {side: min(several) for side, several in seconds.items()}
    print(f"{arguments.learner}: {len(images)} images, {arguments.passes} passes")
    print(f"{arguments.threads} threads on {answers.device}; the votes are equal bit for bit")
    print(f"one pass of the trunk {fastest['ours']:7.2f} s")
    print(f"whole passes          {fastest['whole']:7.2f} s")
    print(f"ratio                 {fastest['whole'] / fastest['ours']:7.1f}")


if __name__ == "__main__":
    main()
