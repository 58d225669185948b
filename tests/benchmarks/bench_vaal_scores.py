"""VAAL's scores where half of the classes have no label: seconds of a core, and what they find.

A set's labelled images are of five classes, drawn anew in each trial. Of the images without a label
those of other classes should look less labelled: the area under the ROC curve says how far they do
(0.5 by chance), and a share how many of the picks are of them, of as many as are labelled.
"""

import argparse
import sys
import time
from pathlib import Path

import coldstart  # noqa: F401  # before torch: threads wait as in jobs

# isort: split

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

sys.path.insert(0, str(Path(__file__).parents[2]))

from coldstart.config.load import load
from coldstart.config.recipes.datasets import Dataset
from coldstart.data.source import reader
from coldstart.learners.networks import build_network
from coldstart.running.settings import Settings
from coldstart.training.images import Images, channel_statistics
from coldstart.training.model import LABELLED, UNLABELLED, Inputs
from coldstart.training.streams import Stream
from coldstart.training.trainer import Trainer
from tests.helpers.clones import ROOT

LEARNERS = {"digits": "vaal-digits", "mnist": "vaal-mnist", "cifar10": "vaal"}
MOST = 12_000
"""Images of a set at most, the first of its training part."""


def read(name: str, recipe: Dataset, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return images, uint8 [n, H, W, C], and their labels."""
    source = reader(name).read(recipe.images_recipe(), Settings(data_dir=folder))
    first = source.parts[0]
    images = np.concatenate(list(first.chunks()))
    return images[:MOST], first.labels()[:MOST]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("set", choices=LEARNERS)
    parser.add_argument("labelled", type=int)
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--scale", default="cpu")
    parser.add_argument("--weights", type=float, nargs="+", default=[1.0, 0.1, 0.01])
    parser.add_argument("--trials", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    recipes = load({"scale": arguments.scale}, [], ROOT / "workflow").recipes
    shipped = recipes.get("learners", LEARNERS[arguments.set])
    images, labels = read(arguments.set, recipes.get("datasets", arguments.set), arguments.data)
    print(f"{arguments.set}, {len(images)} images, {arguments.labelled} labelled, {shipped.called}")
    for weight in arguments.weights:
        recipe = shipped.model_copy(update={"adversary_weight": weight})
        found = np.array(
            [judge(recipe, images, labels, arguments.labelled, t) for t in range(arguments.trials)]
        )
        areas = ", ".join(f"{area:.2f}" for area in found[:, 0])
        shares = ", ".join(f"{share:.2f}" for share in found[:, 1])
        print(
            f"adversary_weight {weight:5.2f}: area {areas}; share of new classes {shares}; "
            f"{found[:, 2].min():.1f} s of a core to train, {found[:, 3].min():.1f} s to score"
        )


def judge(recipe, images, labels, count, trial):
    """Return the area, the share, and the seconds of a training and of the scores."""
    rng = np.random.default_rng(trial)
    known = np.isin(labels, rng.permutation(10)[:5])
    bought = np.sort(rng.choice(np.flatnonzero(known), count, replace=False))
    left = np.setdiff1d(np.arange(len(images)), bought)
    inputs = Inputs(*images.shape[1:], *channel_statistics(images))
    model = build_network(recipe, inputs, 10, trial)
    streams = {
        UNLABELLED: Stream(Images(images, left), recipe.views, recipe.batch_size),
        LABELLED: Stream(Images(images, bought), recipe.views, recipe.batch_size),
    }
    begun = time.process_time()
    Trainer(model, streams, recipe.settled(len(left)), trial, torch.device("cpu")).run()
    trained = time.process_time()
    model.eval()
    with torch.inference_mode():
        parts = [torch.from_numpy(images[left[at : at + 512]]) for at in range(0, len(left), 512)]
        scores = np.concatenate([model.scores(model.encoder(part)).numpy() for part in parts])
    scored = time.process_time()
    first = left[np.argsort(scores, kind="stable")[:count]]
    area = roc_auc_score(known[left], scores)
    return area, (~known[first]).mean(), trained - begun, scored - trained


if __name__ == "__main__":
    main()
