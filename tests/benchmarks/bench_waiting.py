"""Threads that wait, quiet and beside other work: training, embedding, fits and NumPy's products.

Each workload runs in a process of its own, for each way of waiting, alone and beside one busy loop
for each core. The fastest of several rounds counts.

    python tests/benchmarks/bench_waiting.py [--threads 1 2] [--rounds 3] [--ways spin passive]
"""

import argparse
import os
import subprocess
import sys
import time
from contextlib import ExitStack

WAYS = {
    "spin": {"GOMP_SPINCOUNT": "300000"},  # 3 ms, libgomp's default
    "short": {"GOMP_SPINCOUNT": "1000"},
    "passive": {},  # as the package sets it
}
KNOWN = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
WORKLOADS = ("training", "embedding", "fits", "products")
BUSY = "while True: pass"


def training():
    from bench_pretraining import (
        Images,
        Inputs,
        Trainer,
        build_model,
        channel_statistics,
        np,
        recipe,
        torch,
        unlabelled,
    )

    byol = recipe([24, 48, 96, 192], [1, 1, 1, 1])
    size = (byol.batch_size * 40, 32, 32, 3)
    images = np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8)
    inputs = Inputs(*images.shape[1:], *channel_statistics(images))
    device = torch.device("cpu")
    trainer = Trainer(
        build_model(byol, inputs, 0), unlabelled(Images.of(images), byol), byol, 0, device
    )
    batches = trainer._batches(ExitStack())
    trainer._train_step(batches)

    def steps():
        for _ in range(3):
            trainer._train_step(batches)

    return steps


def embedding():
    from bench_pretraining import Inputs, build_model, channel_statistics, np, recipe, torch

    from coldstart.config.recipes.scores import Embedding
    from coldstart.embeddings.embed import embed

    byol = recipe([24, 48, 96, 192], [1, 1, 1, 1])
    images = np.random.default_rng(0).integers(0, 256, (2560, 32, 32, 3), dtype=np.uint8)
    inputs = Inputs(*images.shape[1:], *channel_statistics(images))
    encoder = build_model(byol, inputs, 0).encoder.eval()
    wanted = Embedding(batch_size=256)
    return lambda: embed(encoder, images, wanted, torch.device("cpu"))


def fits():
    import numpy as np

    from coldstart.evaluation.logistic import fit_probes

    rng = np.random.default_rng(0)
    labels = rng.integers(100, size=2000)
    centres = rng.normal(size=(100, 192))
    features = (centres[labels] + 2 * rng.normal(size=(2000, 192))).astype(np.float32)
    subsets = [rng.permutation(2000)[:n] for n in (200, 500, 1000) for _ in range(4)]
    return lambda: fit_probes(features, labels, subsets, 100, 1.0)


def products():
    import numpy as np

    a = np.random.default_rng(0).normal(size=(160, 160))

    def many():
        for _ in range(4000):
            a @ a

    return many


def one(name, rounds):
    """Seconds of the fastest round of one workload, in this process."""
    work = globals()[name]()
    work()
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    print(min(seconds))


def measure(name, way, threads, rounds):
    environment = {key: value for key, value in os.environ.items() if key not in KNOWN}
    for library in ("OMP", "MKL", "OPENBLAS"):
        environment[f"{library}_NUM_THREADS"] = str(threads)
    environment |= WAYS[way]
    command = [sys.executable, __file__, "--one", name, "--rounds", str(rounds)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=WAYS)
    parser.add_argument("--workloads", nargs="+", default=list(WORKLOADS), choices=WORKLOADS)
    parser.add_argument("--one", choices=WORKLOADS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        one(arguments.one, arguments.rounds)
        return
    print(f"{'seconds':20s}{'threads':>8s}{'way':>20s}{'alone':>8s}{'beside':>8s}")
    for name in arguments.workloads:
        for threads in arguments.threads:
            for way in arguments.ways:
                alone = measure(name, way, threads, arguments.rounds)
                loops = [
                    subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(os.cpu_count())
                ]
                try:
                    beside = measure(name, way, threads, arguments.rounds)
                finally:
                    for loop in loops:
                        loop.kill()
                        loop.wait()
                print(f"{name:20s}{threads:8d}{way:>20s}{alone:8.2f}{beside:8.2f}", flush=True)


if __name__ == "__main__":
    main()
