"""CPU time that a cycle of active learning takes beside its training: processes, imports, tables.

python tests/benchmarks/bench_cycle.py [--budgets 14]
"""

import argparse
import resource
import sys
import tempfile
from pathlib import Path

import coldstart  # noqa: F401  # before torch: threads wait as in jobs

# isort: split

import yaml

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.helpers.clones import Clone

QUERIED = ["core-set", "bald"]
CONFIG = ("scale=smoke", "studies=cycles")


def study(budgets):
    """Build a study whose cycles train a tiny network for four epochs on handwritten digits."""
    run = {
        "pool": "digits",
        "encoder": "pca-512",
        "queried": QUERIED,
        "trials": 1,
        "budgets": [10 * (number + 1) for number in range(budgets)],
        "learner": "classifier-digits-dropout",
    }
    table = {"kind": "metrics", "title": "Metrics"}
    return {"title": "Cycles", "runs": {"digits": run}, "tables": {"metrics": table}}


def seconds():
    """CPU seconds of all processes that this one has started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(budgets):
    """Return CPU seconds of a cycle, and the number of cycles."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Clone.new(Path(folder) / "clone")
        file = clone.folder / "workflow/studies/cycles.yaml"
        file.write_text(yaml.safe_dump(study(budgets)))
        at = "results/cycles/cycles/digits/seed0/{}/trial0/budget{}/model.json"
        clone.snakemake(at.format("random", 10), config=CONFIG)  # data, and byte code
        last = [at.format(sampler, 10 * budgets) for sampler in QUERIED]
        cycles = clone.planned(*last, config=CONFIG)["cycle"]
        start = seconds()
        clone.snakemake(*last, config=CONFIG, OMP_NUM_THREADS="1")
        return (seconds() - start) / cycles, cycles


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--budgets", type=int, default=14)
    each, cycles = measure(parser.parse_args().budgets)
    print(f"{cycles} cycles, each {each:.1f} s of a core, its training of four epochs and its")
    print("share of one start of Snakemake included")


if __name__ == "__main__":
    main()
