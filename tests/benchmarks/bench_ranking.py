"""Samplers on features of a pretrained network: the measurement behind the defaults of own images.

usage: python tests/benchmarks/bench_ranking.py DATA OUT [--sets cifar10 ...] [--sides 96 160]

DATA holds CIFAR-10 and FashionMNIST as torchvision stores them, and Tiny ImageNet, or a part of
it, in its own layout. Of each set five folders are ranked as the product does it: images are
embedded by `efficientnet-lite0` and brought to length 1. Logistic regression on the first picks
(C = 10) is evaluated on other images. The folders are disjoint, but those of Tiny ImageNet, which
are random parts of all its training images.

OUT gets ranking-defaults.csv: set, side, sampler, budget; `accuracy` and `less_random`, means over
folders, each with `_half`, half the width of its 95 % interval (Student's t); and the `seconds`
that a sampler took for all budgets of a folder.
"""

import argparse
import time
from pathlib import Path

import coldstart  # noqa: F401  # before torch: threads wait as in jobs

# isort: split

import numpy as np
import pandas as pd
import torch

from coldstart.common.vision import torchvision
from coldstart.config.load import load
from coldstart.config.recipes.scores import Embedding
from coldstart.embeddings.embed import embed
from coldstart.evaluation.linear import Labelled, evaluate
from coldstart.running.settings import Settings
from coldstart.selection.base import Tables
from coldstart.ssl.from_file import load_file
from coldstart.ssl.weights import find
from coldstart.statistics.intervals import mean_interval

ROOT = Path(__file__).parents[2]
BUDGETS = [20, 50, 100, 200]
FOLDERS, FOLDER, TEST = 5, 5000, 2000
C = 10.0
SAMPLERS = [
    "random",
    "k-centre",
    "prob-cover",
    "prob-cover-neighbours",
    "facility-location",
    "max-herding",
    "typiclust",
    "centroid",
]


def folders(name, data):
    """Yield the images and labels of each folder, and those of its test images."""
    rng = np.random.default_rng(0)
    if name == "tiny-imagenet":
        files = torchvision.datasets.ImageFolder(data / "tiny-imagenet-200/train")
        images = np.stack([np.asarray(image) for image, _ in files])
        labels = np.array(files.targets)
        for _ in range(FOLDERS):
            order = rng.permutation(len(images))
            first = order[: min(FOLDER, int(0.7 * len(images)))]
            rest = order[len(first) :][:TEST]
            yield images[first], labels[first], images[rest], labels[rest]
        return
    kind = {"cifar10": "CIFAR10", "fashion-mnist": "FashionMNIST"}[name]
    parts = [getattr(torchvision.datasets, kind)(data, train=train) for train in (True, False)]
    train, test = (np.asarray(part.data).reshape(*part.data.shape[:3], -1) for part in parts)
    labels, tested = (np.asarray(part.targets) for part in parts)
    order = rng.permutation(len(train))
    for number in range(FOLDERS):
        rows = np.sort(order[number * FOLDER : (number + 1) * FOLDER])
        yield train[rows], labels[rows], test[:TEST], tested[:TEST]


def picks(sampler, embeddings, trial):
    """The picks for each budget, as a table of selections."""
    frames = []
    tables = Tables(np.arange(len(embeddings)), embeddings)
    budgets = [budget for budget in BUDGETS if budget < len(embeddings)]
    asked = budgets[-1:] if sampler.nested else budgets
    for largest in asked:
        found = sampler.query(tables, largest, np.random.default_rng(trial)).ids
        frames += [
            pd.DataFrame({"trial": trial, "budget": budget, "id": found[:budget]})
            for budget in (budgets if sampler.nested else [largest])
        ]
    return pd.concat(frames)


def measure(name, data, side, recipes, samplers):
    """Accuracy of each sampler in each folder: a table with a row for each budget."""
    recipe = recipes.get("encoders", "efficientnet-lite0").model_copy(update={"size": side})
    model, _ = load_file(recipe, find(recipe.weights, Settings()))
    model = model.to(memory_format=torch.channels_last).eval()
    frames, tested = [], {}
    for trial, (images, labels, test, test_labels) in enumerate(folders(name, data)):
        unit, cpu = Embedding(unit=True), torch.device("cpu")
        features = embed(model.encoder, images, unit, cpu)
        digest = hash(test.tobytes())
        if digest not in tested:
            tested[digest] = embed(model.encoder, test, unit, cpu)
        selections, seconds = {}, {}
        for sampler in samplers:
            start = time.perf_counter()
            selections[sampler] = picks(recipes.get("samplers", sampler), features, trial)
            seconds[sampler] = time.perf_counter() - start
        candidates = Labelled(np.arange(len(features)), features, labels.astype(np.int64))
        others = Labelled(np.arange(len(test)), tested[digest], test_labels.astype(np.int64))
        metrics = evaluate(candidates, others, selections, C)
        found = metrics[metrics["metric"] == "top-1"]
        frames.append(found.assign(seconds=found["sampler"].map(seconds)))
        print(name, side, "folder", trial + 1, "of", FOLDERS, flush=True)
    return pd.concat(frames)


def summarised(found):
    """Means and intervals over folders."""
    wide = found.pivot(index=["budget", "trial"], columns="sampler", values="value")
    rows = []
    for sampler in wide:
        seconds = found.loc[found["sampler"] == sampler, "seconds"].mean()
        for budget, values in wide.groupby("budget"):
            row = {"sampler": sampler, "budget": budget, "seconds": round(seconds, 2)}
            both = {"accuracy": values[sampler], "less_random": values[sampler] - values["random"]}
            for key, of_folders in both.items():
                low, high = mean_interval(of_folders.to_numpy())
                row |= {key: round(of_folders.mean(), 4), f"{key}_half": round((high - low) / 2, 4)}
            rows.append(row)
    return pd.DataFrame(rows)


def main():
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    names = ["cifar10", "fashion-mnist", "tiny-imagenet"]
    parser.add_argument("--sets", nargs="+", choices=names, default=names)
    parser.add_argument("--sides", nargs="+", type=int, default=[96])
    parser.add_argument("--samplers", nargs="+", default=SAMPLERS)
    given = parser.parse_args()
    recipes = load({"scale": "cpu"}, [], ROOT / "workflow").recipes
    tables = []
    for name in given.sets:
        for side in given.sides:
            found = measure(name, given.data, side, recipes, given.samplers)
            tables.append(summarised(found).assign(set=name, side=side))
            print(tables[-1].to_string(index=False), flush=True)
    given.out.mkdir(parents=True, exist_ok=True)
    columns = ["set", "side", "sampler", "budget"]
    table = pd.concat(tables)
    table[columns + [name for name in table if name not in columns]].to_csv(
        given.out / "ranking-defaults.csv", index=False
    )


if __name__ == "__main__":
    main()
