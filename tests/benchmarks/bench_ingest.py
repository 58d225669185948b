"""Ingest against reading a set whole with torchvision and saving it: images/s and peak memory.

Each side runs in a process of its own, and both in turn; the fastest of the rounds counts. Both
read the files from the page cache, check the published MD5s and bring what they wrote to the disk.

    python tests/benchmarks/bench_ingest.py DATA_DIR [cifar10 mnist fashion-mnist]
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import coldstart  # noqa: F401  # before torch: threads wait as in jobs

# isort: split

import numpy as np

ROOT = Path(__file__).parents[2]
ROUNDS = 3
THEIRS = {"cifar10": "CIFAR10", "mnist": "MNIST", "fashion-mnist": "FashionMNIST"}


def ours(name: str, data_dir: Path, out: Path) -> None:
    from coldstart.config.loading.problems import Problems
    from coldstart.config.loading.recipes import load_recipes
    from coldstart.data.ingest import make_images
    from coldstart.running.job import Job
    from coldstart.running.settings import Settings

    recipe = load_recipes(ROOT / "workflow", "paper", Problems()).get("datasets", name)
    make_images(Job(recipe.images_recipe(), {}, out, out, Settings(data_dir=data_dir)))


def theirs(name: str, data_dir: Path, out: Path) -> None:
    from coldstart.common.vision import torchvision

    kind = getattr(torchvision.datasets, THEIRS[name])
    parts = [np.asarray(kind(data_dir, train=train).data) for train in (True, False)]
    np.save(out / "images.npy", np.concatenate(parts))


def measure(side: str, name: str, data_dir: Path) -> None:
    """Run one side and print what it took, its imports included, as one line of JSON."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        start = time.perf_counter()
        {"ours": ours, "theirs": theirs}[side](name, data_dir, out)
        with (out / "images.npy").open("rb") as file:
            os.fsync(file.fileno())
        seconds = time.perf_counter() - start
        count = len(np.load(out / "images.npy", mmap_mode="r"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    print(json.dumps({"count": count, "seconds": seconds, "peak": peak}))


def run(side: str, name: str, data_dir: Path) -> dict[str, float]:
    command = [sys.executable, __file__, str(data_dir), name, "--side", side]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("names", nargs="*", default=list(THEIRS), metavar="name")
    parser.add_argument("--side", choices=["ours", "theirs"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        measure(arguments.side, arguments.names[0], arguments.data_dir)
        return
    for name in arguments.names:
        rounds = [
            {side: run(side, name, arguments.data_dir) for side in ("ours", "theirs")}
            for _ in range(ROUNDS)
        ]
        best = {
            side: min((taken[side] for taken in rounds), key=lambda figures: figures["seconds"])
            for side in ("ours", "theirs")
        }
        for side, figures in best.items():
            print(
                f"{name:14} {side:7} {figures['count'] / figures['seconds']:9.0f} images/s  "
                f"{figures['seconds']:6.2f} s  {figures['peak']:6.0f} MB"
            )
        print(
            f"{name:14} {best['theirs']['seconds'] / best['ours']['seconds']:.1f} times as fast, "
            f"{best['theirs']['peak'] / best['ours']['peak']:.1f} times less memory"
        )


if __name__ == "__main__":
    main()
