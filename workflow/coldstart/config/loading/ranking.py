"""A user's own images: from the settings to recipes as the user could have written them.

Nothing after this knows that they are special: they are a data set, a pool and a study.
"""

import os
import shlex
from pathlib import Path
from typing import Any

from coldstart.common.errors import nearest
from coldstart.common.paths import RESULTS
from coldstart.common.texts import unprintable
from coldstart.config.loading.problems import Problems
from coldstart.config.loading.recipes import Recipes
from coldstart.config.loading.settings import Config, Scale
from coldstart.config.recipes.datasets.arrays import ARRAYS
from coldstart.config.recipes.encoders.from_file import FromFile
from coldstart.config.recipes.encoders.given import check_embeddings

OWN = "own"
"""The name of the data set, the pool, the study and its one run."""

LABELLED = "own-labelled"
"""The same images with the labels that are there already: a data set of its own, so that new labels
change neither the pool nor what is trained on it."""


SIZES: dict[Scale, int] = {"paper": 96, "cpu": 32, "smoke": 32}
"""Height and width of an image for an encoder that is trained: what the networks of a scale are
for. 96 as the papers' STL-10; two cores train on 32, at a ninth of the cost."""

SEEN = 96
"""Height and width of an image that is only looked at, where its embedding is given."""

SHOWN = 48
"""Images on the contact sheet."""


def add_own(config: Config, recipes: Recipes, file: str, problems: Problems) -> None:
    """Add the recipes that the settings stand for, or note what is wrong with them.

    Args:
        config: with ``images`` set.
        recipes: where they are added.
        file: what a message names as the place of the settings.
        problems: where mistakes are noted.
    """
    before = len(problems.lines)
    images = clean_path(config.images)
    _check_images(config, images, file, problems)
    _check_apart(config, images, file, problems)
    for key, kind in (("sampler", "samplers"), ("encoder", "encoders")):
        name = getattr(config, key)
        if not recipes.known(kind, name):
            what = f"no `{name}` in {kind}.yaml{nearest(name, recipes.names(kind))}"
            problems.add(file, key, what)
    _check_labels(config, recipes, file, problems)
    if {"folder", "copies"} <= {*config.export}:
        problems.add(file, "export", "links and copies of the picks have one folder: name one")
    _check_embeddings(config, file, problems)
    added = [("datasets", OWN), ("datasets", LABELLED), ("pools", OWN), ("studies", OWN)]
    for kind, name in [*added, *([("encoders", OWN)] if config.embeddings else [])]:
        if recipes.known(kind, name):
            message = "is what the setting `images` names its own: rename it"
            problems.add(recipes.files[kind, name], name, message)
    if len(problems.lines) == before:
        for kind, name, raw in _recipes(config, recipes, images):
            recipes.add(kind, name, raw, file, problems)


def clean_path(path: str) -> Path:
    """A path that a user gave, absolute and without ``..``; links in it stay as they are."""
    return Path(os.path.normpath(Path(os.path.expanduser(path)).absolute()))


def _check_apart(config: Config, images: Path, file: str, problems: Problems) -> None:
    """Note inputs among the outputs: what people make must not lie where runs write."""
    results = RESULTS.resolve()
    given = [("images", images), *(("labelled", clean_path(path)) for path in config.labelled)]
    for key, path in given:
        if path.resolve().is_relative_to(results):
            copy = "your-images" if key == "images" else "my-labels.csv"
            what = (
                f"{path} lies in {RESULTS}/, where runs write. Copy it to a place of your own and "
                f"name that: cp -r {shlex.quote(str(path))} {copy}; --config {key}={copy}"
            )
            problems.add(file, key, what)


def _check_images(config: Config, images: Path, file: str, problems: Problems) -> None:
    address = "://" in config.images
    if address or not images.exists():
        what = f"there is no {images}"
        hint = f"{config.images} is an address: fetch the images, and name the folder they are in"
        problems.add(file, "images", hint if address else what)
    elif images == images.parent:
        problems.add(file, "images", f"{images} is everything: name a folder below it")
    elif unprintable(str(images)) is not None:
        what = (
            f"{str(images)!a} has a character that cannot be shown, or a name that is not UTF-8: "
            "rename the folder"
        )
        problems.add(file, "images", what)
    elif images.is_file() and images.suffix not in ARRAYS:
        arrays = " or ".join(ARRAYS)
        what = f"{images} is a file: name the folder that it is in, or an {arrays} file"
        problems.add(file, "images", what)
    if config.labelled and images.suffix in ARRAYS:
        what = (
            "names files of a folder, but `images` is a file of arrays: leave out what has a label"
        )
        problems.add(file, "labelled", what)


def _check_labels(config: Config, recipes: Recipes, file: str, problems: Problems) -> None:
    """Note a sampler that asks a classifier where there is no label to train one on."""
    if config.labelled or config.sampler not in recipes.names("samplers"):
        return
    if recipes.get("samplers", config.sampler).learnt:
        what = (
            f"`{config.sampler}` asks a classifier, which is trained on labels: name some with "
            "`labelled`, and take another sampler for the first"
        )
        problems.add(file, "sampler", what)


def _check_embeddings(config: Config, file: str, problems: Problems) -> None:
    """Note a file of embeddings that is not there, or is of no kind that is read."""
    if not config.embeddings:
        return
    try:
        check_embeddings(config.embeddings)
    except ValueError as error:
        problems.add(file, "embeddings", str(error))
        return
    if not clean_path(config.embeddings).is_file():
        problems.add(file, "embeddings", f"there is no file {clean_path(config.embeddings)}")


def _size(config: Config, recipes: Recipes) -> int:
    """Height and width of an image: as set, or what the encoder is for."""
    if config.image_size:
        return config.image_size
    if config.embeddings:
        return SEEN
    encoder = recipes.get("encoders", config.encoder)
    start = getattr(encoder, "start", None)
    if start in recipes.names("encoders"):
        encoder = recipes.get("encoders", start)
    return encoder.size if isinstance(encoder, FromFile) else SIZES[config.scale]


def _recipes(
    config: Config, recipes: Recipes, images: Path
) -> list[tuple[str, str, dict[str, Any]]]:
    """Kind, name and content of each, those that others name first."""
    dataset: dict[str, Any] = {"source": "arrays", "path": str(images), "labels": "none"}
    dataset["levels"] = config.levels
    if images.suffix not in ARRAYS:
        size = _size(config, recipes)
        dataset |= {"source": "folder", "size": [size, size], "on_broken": "skip"}
    everything = {"part": "all", "per": "part"}
    pool = {
        "operator": "split",
        "dataset": OWN,
        "splits": {"unlabeled": everything, "candidates": everything},
    }
    run: dict[str, Any] = {
        "pool": OWN,
        "encoder": OWN if config.embeddings else config.encoder,
        "embedding": "unit",
        "samplers": [config.sampler],
        "trials": 1,
        "budgets": [config.budget],
        "excess": "cut",
    }
    figures: dict[str, Any] = {
        "contact-sheet": {
            "kind": "image-grid",
            "title": "The first images to label",
            "count": min(SHOWN, config.budget),
        },
        "embedding-map": {
            "kind": "embedding-map",
            "title": "Where the images to label lie",
            "budget": config.budget,
        },
    }
    found: list[tuple[str, str, dict[str, Any]]] = [("datasets", OWN, dataset)]
    if config.embeddings:
        given = {"method": "given", "embeddings": str(clean_path(config.embeddings))}
        found.append(("encoders", OWN, given))
    if config.labelled:
        tables = [str(clean_path(path)) for path in config.labelled]
        found.append(("datasets", LABELLED, {**dataset, "labels": tables}))
        run |= {"labelled": LABELLED, "learner": "logistic-regression-unit"}
        figures["label-growth"] = {
            "kind": "label-growth",
            "title": "Would more labels help?",
        }
    study = {
        "title": "Which of these images should be labelled first?",
        "runs": {OWN: run},
        "figures": figures,
    }
    return [*found, ("pools", OWN, pool), ("studies", OWN, study)]
