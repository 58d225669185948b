"""Cost of k-centre by size of the haystack: time and peak memory, 50 thousand to 2 million rows.

For each size, embeddings of the embed stage's form are written to a Parquet file, and a fresh
process reads them and picks. The time of reading and that of picking are apart; the peak is that of
the whole process. Writes haystack.csv, .svg and .png.

    python tests/benchmarks/bench_haystack.py OUT [--folder FOLDER] [--rounds 3]
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import coldstart  # noqa: F401  # before torch: threads wait as in jobs

# isort: split

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from coldstart.embeddings.tables import read_embeddings, write_embeddings
from coldstart.selection.base import Tables
from coldstart.selection.samplers.k_centre import KCentre

SIZES = (50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000)
DIM = 256
PICKS = 1000
CLUSTERS = 1000
GIB = 2**30


def write(path: Path, rows: int) -> None:
    """Embeddings in clusters of different sizes and widths, as classes and their kinds have."""
    rng = np.random.default_rng(0)
    centres = 2 * rng.standard_normal((CLUSTERS, DIM), dtype=np.float32)
    widths = rng.uniform(0.3, 1.5, size=CLUSTERS).astype(np.float32)
    shares = rng.dirichlet(np.ones(CLUSTERS))
    X = np.empty((rows, DIM), dtype=np.float32)
    for first in range(0, rows, 50_000):
        part = X[first : first + 50_000]
        which = rng.choice(CLUSTERS, size=len(part), p=shares)
        rng.standard_normal(part.shape, dtype=np.float32, out=part)
        part *= widths[which, None]
        part += centres[which]
    write_embeddings(path, np.arange(rows), ["candidates"] * rows, X)


def pick(path: Path) -> dict[str, float]:
    """Seconds of reading and of picking, and the process's peak memory in GiB."""
    begin = time.perf_counter()
    tables = Tables(*read_embeddings(path, "candidates"))
    read = time.perf_counter()
    KCentre(sampler="k-centre").query(tables, PICKS, np.random.default_rng(0))
    picked = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / GIB
    return {"read_s": read - begin, "pick_s": picked - read, "peak_gib": peak}


def in_process(*arguments: str) -> str:
    """Run this script with other arguments in a process of its own; returns its output."""
    run = [sys.executable, __file__, *arguments]
    return subprocess.run(run, check=True, stdout=subprocess.PIPE, text=True).stdout


def measure(folder: Path, rounds: int) -> pd.DataFrame:
    """One row per size and round: rows, round, read_s, pick_s, peak_gib."""
    measured = []
    for rows in SIZES:
        path = folder / "embeddings.parquet"
        in_process("--write", str(path), str(rows))
        for turn in range(rounds):
            found = json.loads(in_process("--pick", str(path)))
            print(rows, turn, found, flush=True)
            measured.append({"rows": rows, "round": turn, **found})
        path.unlink()
    return pd.DataFrame(measured).round(3)


def exponent(n: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float, float]:
    """Slope of log y on log n by least squares, its standard error, and y at n = 1."""
    from scipy.stats import linregress

    line = linregress(np.log(n), np.log(y))
    return float(line.slope), float(line.stderr), float(np.exp(line.intercept))


def draw(table: pd.DataFrame, out: Path) -> None:
    """Time and memory against rows, both axes logarithmic, with the fitted powers."""
    from matplotlib.ticker import FuncFormatter, NullLocator

    from coldstart.figures.style import GREY, WIDE, add_note, new_figure, save, styled

    fastest = table.groupby("rows").min()  # other work on the machine only adds
    n = fastest.index.to_numpy(dtype=float)
    with styled():
        title = f"k-centre, {PICKS:,} picks of n embeddings of {DIM} dimensions"
        figure = new_figure(title, 3.1, WIDE)
        left, right = figure.subplots(1, 2)
        for axes, column, name, colour, marker in (
            (left, "pick_s", "picking", "#0072B2", "o"),
            (left, "read_s", "reading Parquet", "#E69F00", "s"),
            (right, "peak_gib", "peak of the process", "#0072B2", "o"),
        ):
            slope, error, factor = exponent(n, fastest[column].to_numpy())
            label = f"{name}: n$^{{{slope:.2f} \\pm {error:.2f}}}$"
            axes.plot(table["rows"], table[column], marker, color=colour, label=label)
            axes.plot(n, factor * n**slope, color=colour, linewidth=0.8)
        matrix = n * DIM * 4 / GIB
        right.plot(n, matrix, "--", color=GREY, linewidth=0.8, label="the embeddings alone")
        for axes, text in ((left, "seconds"), (right, "memory in GiB")):
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.set_xticks(SIZES, [thousands(rows) for rows in SIZES])
            axes.xaxis.set_minor_locator(NullLocator())
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.set_xlabel("n")
            axes.set_ylabel(text)
            axes.grid()
            axes.legend(loc="upper left")
        rounds = int(table["round"].max()) + 1
        add_note(
            figure,
            f"Each point is one of {rounds} fresh processes on 2 cores. Exponents by least squares "
            "of the logarithms of each size's least value, with their standard errors.",
        )
        for suffix in (".svg", ".png"):
            save(figure, out / f"haystack{suffix}")


def thousands(rows: int) -> str:
    return f"{rows // 1_000_000} M" if rows >= 1_000_000 else f"{rows // 1000} k"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", nargs="?", type=Path, help="the folder of the CSV and the figure")
    parser.add_argument("--folder", help="where to write the embeddings (default: temporary)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", nargs=2, metavar=("FILE", "ROWS"), help=argparse.SUPPRESS)
    parser.add_argument("--pick", type=Path, metavar="FILE", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        write(Path(options.write[0]), int(options.write[1]))
    elif options.pick:
        print(json.dumps(pick(options.pick)))
    else:
        options.out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            table = measure(Path(folder), options.rounds)
        table.to_csv(options.out / "haystack.csv", index=False)
        draw(table, options.out)


if __name__ == "__main__":
    main()
