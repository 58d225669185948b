"""The files of a ranking and the artefacts they are made from: the last step of study ``own``."""

import hashlib
import json
from pathlib import Path
from typing import Any

from coldstart.common.errors import ColdstartError
from coldstart.config.loading.ranking import LABELLED, OWN
from coldstart.config.loading.settings import Config
from coldstart.config.recipes.datasets.arrays import ARRAYS
from coldstart.config.recipes.encoders import Trained
from coldstart.config.recipes.figures.label_growth import LabelGrowth
from coldstart.data.sources.scan import Scan
from coldstart.planning.artefact import Planned
from coldstart.planning.fingerprint import fingerprint, source_digest
from coldstart.planning.given import CLASSES
from coldstart.planning.plan import Plan
from coldstart.planning.resources import Needs, estimate_ranking
from coldstart.ranking.names import (
    EXPORTS,
    FOLDER,
    FORMATS,
    GROWTH,
    PAGE,
    POINTS,
    RANKING,
    SKIPPED,
)
from coldstart.running.outputs import copy_before_deletion

PICTURES = {
    "contact-sheet": f"results/figures/{OWN}/contact-sheet",
    "embedding-map": f"results/figures/{OWN}/embedding-map",
    "data-sheet": f"results/figures/pools/{OWN}",
}
"""The study's figures, put beside the ranking."""

OF_LABELS = {GROWTH: f"results/figures/{OWN}/{GROWTH}"}
"""Likewise where some images have a label."""

GROWTH_NUMBERS = f"{OF_LABELS[GROWTH]}.csv"
"""The growth of accuracy with the labels, of which the job's last lines tell."""

MAP = f"{PICTURES['embedding-map']}.csv"
"""The places of images on the map, which the page shows too."""

OLD_NAMES = ("results/own/ranking.csv", "results/own/labels.csv")
"""The ranking's earlier names, which are still targets: a copy for those who ask for one."""

MODULES = tuple(
    f"coldstart.ranking.{name}"
    for name in ("ranking", "order", "hand_over", "label_studio", "cvat", "picks", "page", "points")
)


def texts(config: Config) -> list[str]:
    """The files that people read or import, which they may have edited.

    Of a file of arrays there are no files that a labelling tool can show.
    """
    exports = [] if config.images.endswith(ARRAYS) else config.export
    named = [RANKING, SKIPPED, *(name for export in exports for name in EXPORTS[export])]
    return [f"{FOLDER}/{name}" for name in named]


PAGE_PATH = f"{FOLDER}/{PAGE}"
"""The page to explore."""


def pictures(config: Config) -> list[str]:
    """The table for other tools, and the figures beside it."""
    return [f"{FOLDER}/{POINTS}", *_pictures(config)]


def keep_edits() -> None:
    """Save what people typed into these files before Snakemake deletes all outputs."""
    named = {RANKING, SKIPPED, *(name for names in EXPORTS.values() for name in names)}
    copy_before_deletion(map(Path, [*(f"{FOLDER}/{name}" for name in named), *OLD_NAMES]))


def inputs(plan: Plan) -> list[str]:
    """The pointers and figures that the job waits for.

    Raises:
        ColdstartError: no images are set, or all have a label already.
    """
    if not plan.config.images:
        raise ColdstartError(
            f"{FOLDER} is made of your own images: say where they are, with "
            "--config images=/path/to/folder"
        )
    if plan.config.labelled and not _scan(plan, LABELLED).unlabelled:
        raise ColdstartError(
            f"every image in {plan.config.images} has a label already, in "
            f"{', '.join(plan.config.labelled)}"
        )
    shown = [MAP, *([GROWTH_NUMBERS] if plan.config.labelled else [])]
    return [*plan.maker.need(_read(plan).values()), *shown, *_pictures(plan.config).values()]


def needs(plan: Plan) -> Needs:
    """The memory and the time that the job takes."""
    run = plan.cycles.run(OWN, OWN)
    return estimate_ranking(_read(plan)["embeddings"], plan.data.facts(run.pool))


def params(plan: Plan) -> dict[str, Any]:
    """The params of the job."""
    folder = next(iter(_scan(plan, OWN).places.values()))[0]
    run = plan.cycles.run(OWN, OWN)
    left_out = json.dumps(dict(_scan(plan, OWN).left_out)).encode()
    return {
        "keys": {name: planned.key for name, planned in _read(plan).items()},
        # The job lists them itself; it runs again when others are left out.
        "left_out": hashlib.sha256(left_out).hexdigest(),
        "pictures": _pictures(plan.config),
        "map": MAP,
        **_growth(plan),
        "export": plan.config.export,
        "images": str(folder.absolute()),
        "classes": plan.data.dataset(LABELLED).classes if plan.config.labelled else [],
        "named_classes": plan.config.classes,
        "trained": isinstance(plan.encoders.trained(run.read_encoder), Trained),
        "sampler": plan.config.sampler,
        "encoder": plan.config.embeddings or plan.config.encoder,
        "size": plan.data.facts(run.pool).shape[:2],
        "code": source_digest(*MODULES),
        # The code that these modules compute with, such as distances.
        "imports": fingerprint(*MODULES),
    }


def _growth(plan: Plan) -> dict[str, Any]:
    """The path of the growth of accuracy, and the gain that is worth more labels."""
    if not plan.config.labelled:
        return {"growth": None}
    target = plan.figures.target(OWN, "figures", GROWTH)
    assert isinstance(target, LabelGrowth)
    return {"growth": GROWTH_NUMBERS, "worth": target.worth}


def _scan(plan: Plan, name: str) -> Scan:
    found = plan.data.dataset(name)
    assert isinstance(found, Scan)
    return found


def _pictures(config: Config) -> dict[str, str]:
    """The path of each copy, and what it is a copy of."""
    return {
        f"{FOLDER}/{name}.{suffix}": f"{source}.{suffix}"
        for name, source in (PICTURES | (OF_LABELS if config.labelled else {})).items()
        for suffix in FORMATS
    }


def _read(plan: Plan) -> dict[str, Planned]:
    run = plan.cycles.run(OWN, OWN)
    (seed,), (sampler,) = run.encoder_seeds, run.samplers
    found = {
        "images": plan.data.images(run.pool),
        "embeddings": plan.encoders.embeddings(run.pool, run.read_encoder, seed, run.embedding),
        "selection": plan.cycles.selection(OWN, OWN, seed, sampler),
    }
    if run.labelled is not None:
        found["labelled"] = plan.data.ingested("labels", run.labelled)
        if len(plan.data.dataset(run.labelled).classes) >= CLASSES:
            found["predictions"] = plan.cycles.given.predictions(OWN, OWN, seed)
    return found
