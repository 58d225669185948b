"""A plan that has every stage, and the parts of it whose code has a fingerprint."""

import json
from typing import NamedTuple

import yaml

from coldstart.config.load import load
from coldstart.planning.figures import FIGURE_MODULES, PAGE, computed_by
from coldstart.planning.fingerprint import PACKAGE, classes_of, fingerprint, source_digest
from coldstart.planning.plan import Plan
from coldstart.store import Store

STUDY = {
    "title": "All stages",
    "runs": {
        "cycles": {
            "pool": "digits", "encoder": "byol-digits", "learner": "classifier-digits",
            "queried": ["core-set", "max-entropy", "vaal-digits"], "trials": 1, "budgets": [10, 20],
        },
        "joint": {
            "pool": "digits", "encoder": "byol-digits", "learner": "joint-simclr-digits",
            "queried": ["min-margin"], "trials": 1, "budgets": [10, 20],
        },
        "linear": {
            "pool": "digits", "encoder": "byol-digits", "learner": "logistic-regression",
            "queried": ["min-margin"], "trials": 1, "budgets": [10, 20],
        },
        "simclr": {
            "pool": "biased-digits", "encoder": "simclr-digits", "trials": 1,
            "samplers": ["random", "k-centre", "loss-mean", "grad-mean"], "budgets": [10, 20],
            "probe": "knn-linear",
        },
        "vae": {
            "pool": "biased-digits", "encoder": "vae-digits", "trials": 1,
            "samplers": ["random", "k-means-pp"], "budgets": [10, 20],
        },
        "pca": {
            "pool": "biased-digits", "encoder": "pca-512", "trials": 1,
            "samplers": ["random"], "budgets": [10, 20],
        },
        "mixed": {
            "pool": "kmnist-mixed", "encoder": "existing-weights", "trials": 1,
            "samplers": ["random"], "budgets": [10, 20], "metrics": ["top-1", "outliers"],
        },
    },
    "figures": {
        "curve": {"kind": "budget-curve", "title": "Curve"},
        "map": {"kind": "embedding-map", "title": "Map", "budget": 10, "runs": ["simclr"]},
        "sheet": {"kind": "contact-sheet", "title": "Sheet", "count": 5, "runs": ["simclr"]},
        "examples": {
            "kind": "class-examples", "title": "Examples", "runs": ["simclr"], "sampler": "random",
            "budget": 10, "label": 1, "show": "tested",
        },
        "ranks": {"kind": "average-rank", "title": "Ranks", "runs": ["simclr"]},
        "differences": {
            "kind": "paired-differences", "title": "Differences", "runs": ["simclr"],
            "baseline": "random",
        },
        "quality": {"kind": "ssl-quality", "title": "Quality", "runs": ["simclr"]},
    },
    "tables": {
        "ranks": {"kind": "average-rank", "title": "Ranks", "runs": ["simclr"]},
        "metrics": {"kind": "metrics", "title": "Metrics"},
    },
}  # fmt: skip


MIXED = {
    "kmnist-all": {
        "operator": "split", "dataset": "kmnist", "shuffle": 0,
        "splits": {
            "unlabeled": {"part": "train"}, "candidates": {"part": "train"},
            "test": {"part": "test"},
        },
    },
    "kmnist-mixed": {
        "operator": "mixed", "pool": "kmnist-all", "splits": ["unlabeled", "candidates"],
        "outliers": {"dataset": "fashion-mnist", "part": "train", "count": 100},
    },
}  # fmt: skip
EXISTING = {
    "existing-weights": {
        "method": "existing", "library": "torchvision", "name": "resnet18", "size": 32,
        "weights": "weights.pth",
    },
}  # fmt: skip


class Part(NamedTuple):
    """An artefact, figure or table: its stage, its recipe as text, and its fingerprint."""

    stage: str
    recipe: str
    code: str


def planned_by(plan):
    """The artefacts of a plan that ``STUDY`` needs, with all scores and embeddings."""
    found = {}

    def add(planned):
        found[planned.pointer] = planned
        for made_from in planned.inputs.values():
            add(made_from)

    for run, setup in plan.recipes.get("studies", "all-stages").runs.items():
        add(plan.cycles.evaluation("all-stages", run, 0))
        add(plan.encoders.embeddings(setup.pool, setup.encoder, 0, "frozen"))
        if setup.encoder not in ("pca-512", *EXISTING):
            add(plan.encoders.probed(setup.pool, setup.encoder, 0, "knn-linear"))
    return found


def parts_of(plan, package=PACKAGE):
    """The parts of a plan by name, with fingerprints of the code in a folder."""
    found = {}
    for pointer, planned in planned_by(plan).items():
        made_from = [one.identity.recipe for one in planned.inputs.values()]
        text = json.dumps([planned.identity.recipe, made_from])
        code = fingerprint(*planned.modules, recipes=planned.recipes, package=package)
        found[pointer] = Part(planned.identity.stage, text, code)
    study = plan.recipes.get("studies", "all-stages")
    for stage, targets in (("figure", study.figures), ("table", study.tables)):
        for name, target in targets.items():
            module, *read_with = computed_by(target)
            shown_with = (module, *FIGURE_MODULES, *(PAGE if stage == "table" else ()))
            code = source_digest(*shown_with, package=package)
            code += fingerprint(module, *read_with, recipes=classes_of(target), package=package)
            found[f"{stage} {name}"] = Part(stage, json.dumps(target.model_dump()), code)
    return found


def plan_of(workflow, store):
    """A plan of ``STUDY``, which is written into the folder of the workflow with its recipes."""
    (workflow / "studies/all-stages.yaml").write_text(yaml.safe_dump(STUDY))
    for kind, recipes in (("pools", MIXED), ("encoders", EXISTING)):
        with (workflow / f"recipes/{kind}.yaml").open("a") as file:
            file.write("\n" + yaml.safe_dump(recipes))
    (workflow / "weights.pth").write_bytes(b"weights, which no plan reads")
    settings = {"scale": "smoke", "data_dir": str(workflow)}
    return Plan(load(settings, [], workflow), Store(store))
