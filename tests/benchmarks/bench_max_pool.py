"""LeNet's predictions with our max-pool against those with torch's: images/s and ratio.

python tests/benchmarks/bench_max_pool.py [--images 20000]

Both give the same bits. Batches have 64 images, as those of the learners on MNIST do.
"""

import argparse
import sys
import time
from pathlib import Path

import coldstart  # noqa: F401  # before torch: threads wait as in jobs

# isort: split

import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[2]))

from coldstart.config.recipes.backbones.lenet import LeNet
from coldstart.training.backbones import Encoder
from coldstart.training.model import Inputs

BATCH = 64


def embed(encoder, images):
    """Embed all images, batch by batch."""
    with torch.inference_mode():
        parts = [encoder(images[at : at + BATCH]) for at in range(0, len(images), BATCH)]
    return torch.cat(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    arguments = parser.parse_args()
    torch.manual_seed(0)
    inputs = Inputs(28, 28, 1, torch.tensor([0.13]), torch.tensor([0.31]))
    encoder = Encoder(LeNet(family="lenet", latent=60), inputs).eval()
    pools = {"ours": encoder.backbone.pool, "torch": nn.MaxPool2d(2)}
    shape = (arguments.images, 28, 28, 1)
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))
    for threads in arguments.threads:
        torch.set_num_threads(threads)
        rates, found = {name: [] for name in pools}, {}
        for _ in range(arguments.rounds):
            for name, pool in pools.items():
                encoder.backbone.pool = pool
                begun = time.perf_counter()
                found[name] = embed(encoder, images)
                rates[name].append(arguments.images / (time.perf_counter() - begun))
        assert torch.equal(found["ours"], found["torch"])
        ours, theirs = (np.median(rates[name]) for name in ("ours", "torch"))
        print(f"{threads} threads: ours {ours:,.0f} images/s, torch's {theirs:,.0f}", end="; ")
        print(f"ratio {ours / theirs:.1f}")


if __name__ == "__main__":
    main()
