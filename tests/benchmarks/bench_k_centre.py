"""k-centre against scikit-activeml's CoreSet and against one matrix-vector product per pick.

All work on the same float32 rows from the same first pick. CoreSet is timed on a few picks of the
same rows and counted up, because each takes it as long as the one before. Each runs with one thread
and with one for each core, and the faster counts.

    python tests/benchmarks/bench_k_centre.py [--rows 50000] [--dim 512] [--picks 2500]
"""

import argparse
import os
import time

import coldstart  # noqa: F401  # before torch: threads wait as in jobs

# isort: split

import numpy as np
from numpy.typing import NDArray
from skactiveml.pool import CoreSet
from threadpoolctl import threadpool_limits

from coldstart.selection.traversal import farthest_first


def matrix_vector(X: NDArray[np.float32], budget: int, start: int) -> list[int]:
    """The obvious implementation: one product with all rows for each pick."""
    X = X - X.mean(axis=0)
    norms = np.einsum("nd,nd->n", X, X)
    nearest = np.full(len(X), np.inf, dtype=np.float32)
    picked = [start]
    while len(picked) < budget:
        last = picked[-1]
        np.minimum(nearest, norms + norms[last] - 2 * (X @ X[last]), out=nearest)
        nearest[last] = -1.0
        picked.append(int(np.argmax(nearest)))
    return picked


def core_set(X: NDArray[np.float32], budget: int, start: int) -> list[int]:
    """The same picks by scikit-activeml, whose query begins where one row is labelled."""
    labels = np.full(len(X), np.nan)
    labels[start] = 0
    found = CoreSet(random_state=0).query(X, labels, batch_size=budget - 1)
    return [start, *found.tolist()]


def normal(rng: np.random.Generator, rows: int, dim: int) -> NDArray[np.float32]:
    return rng.standard_normal((rows, dim), dtype=np.float32)


def clusters(rng: np.random.Generator, rows: int, dim: int) -> NDArray[np.float32]:
    """A hundred clusters of different sizes and widths, as embeddings of classes are."""
    centres = 3 * normal(rng, 100, dim)
    widths = rng.uniform(0.3, 1.5, size=(100, 1)).astype(np.float32)
    which = rng.choice(100, size=rows, p=rng.dirichlet(np.ones(100)))
    return centres[which] + widths[which] * normal(rng, rows, dim)


def same(ours: list[int], others: list[int]) -> str:
    """The number of picks that two orders begin with in common; theirs are rounded."""
    differ = np.flatnonzero(np.array(ours[: len(others)]) != np.array(others))
    return f"the first {differ[0] if len(differ) else len(others)} of {len(others)} picks the same"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--picks", type=int, default=2500)
    parser.add_argument("--core-set-picks", type=int, default=50)
    options = parser.parse_args()
    threads = sorted({1, os.cpu_count() or 1})
    for make in (normal, clusters):
        X = make(np.random.default_rng(0), options.rows, options.dim)
        took, picked = {}, {}
        for name, method, picks in (
            ("ours", lambda X, k, start: farthest_first(X, k, X[:0], start)[0], options.picks),
            ("one product a pick", matrix_vector, options.picks),
            ("CoreSet", core_set, options.core_set_picks),
        ):
            took[name] = float("inf")
            for count in threads:
                with threadpool_limits(count):
                    begin = time.perf_counter()
                    picked[name] = list(method(X, picks, 0))
                    seconds = (time.perf_counter() - begin) * options.picks / picks
                took[name] = min(took[name], seconds)
        print(f"{make.__name__}, {options.picks} picks of {options.rows} x {options.dim}:")
        print(f"    ours {took['ours']:.1f} s")
        for name in ("one product a pick", "CoreSet"):
            counted = "" if name != "CoreSet" else f" (counted up from {options.core_set_picks})"
            print(
                f"    {name} {took[name]:.1f} s{counted} = {took[name] / took['ours']:.1f}x; "
                + same(picked["ours"], picked[name]),
                flush=True,
            )


if __name__ == "__main__":
    main()
