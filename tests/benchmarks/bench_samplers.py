"""Times of samplers on a large table, beside scikit-activeml or the obvious implementation.

Each runs in a process of its own, which gives its peak memory; that of a process with nothing but
the table stands first. The table is random, of overlapping clusters of different sizes. What a
sampler is held against gets a smaller table, and so does the sampler then; both run with one thread
and with all of them, and the faster counts.

    python tests/benchmarks/bench_samplers.py [SAMPLER ...] [--count 50000] [--dim 512]
        [--budget 1000] [--small 4000] [--threads 2]
"""

import argparse
import multiprocessing
import resource
import time

import coldstart  # noqa: F401  # before torch: threads wait as in jobs

# isort: split

import numpy as np
from threadpoolctl import threadpool_limits

from coldstart.selection.base import SAMPLERS, Tables

CLASSES = 10
RECIPES = {
    "typiclust": {"sampler": "typiclust"},
    "prob-cover": {"sampler": "prob-cover", "clusters": CLASSES},
    "facility-location": {"sampler": "facility-location"},
    "max-herding": {"sampler": "max-herding"},
    "centroid": {"sampler": "centroid"},
    "k-means-pp": {"sampler": "k-means-pp"},
    "k-medoids": {"sampler": "k-medoids"},
    "stratified-kmeans": {"sampler": "stratified-kmeans", "allocation": "equal"},
}


def make_table(count, dim):
    """Classes of three clusters each, of sizes that differ, in 40 of the dimensions."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(CLASSES, 1, 40)) + 0.5 * rng.normal(size=(CLASSES, 3, 40))
    share = rng.dirichlet(np.full(3 * CLASSES, 3.0))
    hidden = centres.reshape(-1, 40)[rng.choice(3 * CLASSES, size=count, p=share)]
    hidden = hidden + 0.6 * rng.normal(size=hidden.shape)
    X = hidden @ rng.normal(size=(40, dim)) / np.sqrt(40) + 0.2 * rng.normal(size=(count, dim))
    return np.maximum(X, 0).astype(np.float32)


def ours(name, X, budget):
    recipe = RECIPES[name]
    sampler = SAMPLERS.adapter().validate_python(recipe)
    return sampler.query(Tables(np.arange(len(X)), X), budget, np.random.default_rng(0)).ids


def typiclust(X, budget):
    from skactiveml.pool import TypiClust

    return TypiClust(random_state=0, k=20).query(X, np.full(len(X), np.nan), batch_size=budget)


def prob_cover(X, budget):
    from skactiveml.pool import ProbCover

    sampler = ProbCover(n_classes=CLASSES, random_state=0)
    return sampler.query(X, np.full(len(X), np.nan), batch_size=budget)


def facility_location(X, budget):
    """Greedy with the whole matrix of similarities in memory."""
    X = X / np.linalg.norm(X, axis=1, keepdims=True)
    similar = (1 + X @ X.T) / 2
    best = np.zeros(len(X), dtype=np.float32)
    picked = []
    for _ in range(budget):
        gains = np.maximum(similar - best, 0).sum(axis=1)
        gains[picked] = -1
        picked.append(int(gains.argmax()))
        np.maximum(best, similar[picked[-1]], out=best)
    return picked


def max_herding(X, budget):
    from skactiveml.pool import MaxHerding

    sampler = MaxHerding(metric="rbf", metric_dict={"gamma": 1.0}, random_state=0)
    return sampler.query(X, np.full(len(X), np.nan), batch_size=budget)


def k_means_pp(X, budget):
    from sklearn.cluster import kmeans_plusplus

    return kmeans_plusplus(X, budget, random_state=0, n_local_trials=1)[1]


OTHERS = {
    "typiclust": ("scikit-activeml", typiclust),
    "prob-cover": ("scikit-activeml", prob_cover),
    "facility-location": ("plain greedy", facility_location),
    "max-herding": ("scikit-activeml", max_herding),
    "k-means-pp": ("scikit-learn", k_means_pp),
}


def measured(name, count, dim, budget, threads, answer):
    """Seconds, and the peak memory of this process, in GiB."""
    with threadpool_limits(threads):
        X = make_table(count, dim)
        start = time.perf_counter()
        if name in RECIPES:
            ours(name, X, budget)
        elif name:
            OTHERS[name.removeprefix("other ")][1](X, budget)
        seconds = time.perf_counter() - start
    answer.put((seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20))


def run(*job):
    context = multiprocessing.get_context("spawn")
    answer = context.Queue()
    process = context.Process(target=measured, args=(*job, answer))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"{job}: ended with {process.exitcode}")
    return answer.get()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("samplers", nargs="*", default=[*RECIPES])
    for name, default in [("count", 50_000), ("dim", 512), ("budget", 1000), ("small", 4000)]:
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    large = options.count, options.dim, options.budget, options.threads
    small = options.small, options.dim, options.budget // 10, options.threads
    print(f"the table alone, {options.count} x {options.dim}: {run('', *large)[1]:.2f} GiB")
    for name in options.samplers:
        seconds, peak = run(name, *large)
        line = f"{name}, {options.budget} picks: {seconds:.1f} s, {peak:.2f} GiB"
        if name in OTHERS:
            several = sorted({1, options.threads})
            other, other_peak = min(run(f"other {name}", *small[:3], n) for n in several)
            own, own_peak = min(run(name, *small[:3], n) for n in several)
            line += (
                f"; {small[2]} of {options.small}: {own:.2f} s, {own_peak:.2f} GiB against "
                f"{OTHERS[name][0]}'s {other:.2f} s, {other_peak:.2f} GiB = {other / own:.1f}x"
            )
        print(line, flush=True)


if __name__ == "__main__":
    main()
