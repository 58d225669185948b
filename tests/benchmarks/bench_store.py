"""The store against plain files: what it costs to publish, to verify and to list.

Embeddings are published and opened again as the embed stage's Parquet, against np.save and np.load
of the same numbers, and against the same Parquet without the store; all are brought to the disk.
Opening hashes all of it, once in a process. Artefacts are listed from their manifests, against a
loop that reads the same JSON files.

    python tests/benchmarks/bench_store.py [--gigabytes 1] [--artefacts 10000] [--folder FOLDER]
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import coldstart  # noqa: F401  # before torch: threads wait as in jobs

# isort: split

import numpy as np
from numpy.typing import NDArray

from coldstart.embeddings.tables import read_embeddings, write_embeddings
from coldstart.store import Identity, Store, objects

DIM = 512
ROUNDS = 3


def timed(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def save(path: Path, rows: NDArray[np.float32]) -> None:
    np.save(path, rows)
    sync(path)


def write(path: Path, rows: NDArray[np.float32]) -> None:
    write_embeddings(path, np.arange(len(rows)), ["test"] * len(rows), rows)


def write_and_sync(path: Path, rows: NDArray[np.float32]) -> None:
    write(path, rows)
    sync(path)


def publish(store: Store, identity: Identity, rows: NDArray[np.float32]) -> None:
    with store.publishing(identity) as folder:
        write(folder / "embeddings.parquet", rows)


def read(store: Store, identity: Identity) -> NDArray[np.float32]:
    artefact = store.open(identity.key)
    return read_embeddings(artefact.path("embeddings.parquet"), "test")[1]


def bench_embeddings(folder: Path, gigabytes: float) -> None:
    count = int(gigabytes * 2**30 / (4 * DIM))
    rows = np.random.default_rng(0).standard_normal((count, DIM), dtype=np.float32)
    store = Store(folder / "store")
    seconds: dict[str, list[float]] = {}

    def note(name: str, work: Callable[[], Any]) -> None:
        seconds.setdefault(name, []).append(timed(work))

    array, table = folder / "rows.npy", folder / "rows.parquet"
    for turn in range(ROUNDS):
        identity = Identity("embed", {"turn": turn}, {}, "code")
        note("np.save", lambda: save(array, rows))
        note("np.load", lambda: np.load(array))
        note("write Parquet", lambda: write_and_sync(table, rows))
        note("read Parquet", lambda: read_embeddings(table, "test"))
        note("publish", lambda identity=identity: publish(store, identity, rows))
        objects._verified.clear()  # as in the next job
        note("verified open", lambda identity=identity: store.open(identity.key))
        note("open again", lambda identity=identity: store.open(identity.key))
        objects._verified.clear()
        note("verified open and read", lambda identity=identity: read(store, identity))
        array.unlink()
        table.unlink()
        store.discard(identity.key)
    best = {name: min(of_name) for name, of_name in seconds.items()}
    for name, others in (
        ("publish", ("np.save", "write Parquet")),
        ("verified open", ("np.load",)),
        ("verified open and read", ("np.load", "read Parquet")),
    ):
        ratios = [
            f"{best[name] / best[other]:.1f}x {other} ({best[other]:.2f} s)" for other in others
        ]
        print(
            f"{name}, {gigabytes:g} GiB: {best[name]:.2f} s, {gigabytes / best[name]:.2f} GiB/s = "
            + " = ".join(ratios),
            flush=True,
        )
    print(f"open again in the same process: {1e6 * best['open again']:.0f} us")


def listing(store: Store) -> int:
    return sum(store.manifest(key)["files"]["a"]["bytes"] for key in store.keys())  # noqa: SIM118


def plain_listing(root: Path) -> int:
    return sum(
        json.loads(path.read_bytes())["files"]["a"]["bytes"]
        for path in root.glob("objects/*/*/manifest.json")
    )


def bench_listing(folder: Path, count: int) -> None:
    store = Store(folder / "many")

    def fill() -> None:
        for seed in range(count):
            with store.publishing(Identity("select", {"seed": seed}, {}, "code")) as draft:
                (draft / "a").write_bytes(b"x" * 100)

    filled = timed(fill)
    objects._verified.clear()
    assert listing(store) == plain_listing(store.root) == 100 * count
    ours = min(timed(lambda: listing(store)) for _ in range(ROUNDS))
    plain = min(timed(lambda: plain_listing(store.root)) for _ in range(ROUNDS))
    verified = timed(store.verify)
    print(
        f"{count} small artefacts: published in {filled:.1f} s, listed in {ours:.2f} s, by a plain "
        f"loop in {plain:.2f} s: {ours / plain:.1f}x; all verified in {verified:.1f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=1)
    parser.add_argument("--artefacts", type=int, default=10_000)
    parser.add_argument("--folder", help="where to write (default: the temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        bench_embeddings(Path(folder), options.gigabytes)
        bench_listing(Path(folder), options.artefacts)


if __name__ == "__main__":
    main()
