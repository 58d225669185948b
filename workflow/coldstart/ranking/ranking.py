"""The last job for a user's own images: it writes the ranking, its figures and tasks."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from coldstart.common.atomic import replacing
from coldstart.common.spreadsheet import csv_bytes
from coldstart.data.notes import sentences
from coldstart.data.read import open_images, read_notes
from coldstart.data.sources.formats import format_of
from coldstart.data.sources.label_tables import GIVEN
from coldstart.data.sources.listing import Listing, list_images
from coldstart.embeddings.tables import read_embeddings, read_predictions
from coldstart.pages.thumbnails import make_thumbnails
from coldstart.ranking.hand_over import hand_over
from coldstart.ranking.names import FORMATS, GROWTH, PAGE, POINTS, PREDICTED, RANKING, SKIPPED
from coldstart.ranking.order import DISTANCE, LABELLED, rank_all
from coldstart.ranking.page import ranking_page
from coldstart.ranking.points import places_of, write_points
from coldstart.running.outputs import remove_output, write_output
from coldstart.statistics.growth import advice
from coldstart.store import Artefact, Store

log = logging.getLogger("coldstart")

COLUMNS = ["rank", "path", "score", "cluster", "by", "id"]


def write(snakemake: Any, store: Store) -> None:
    """Write every output of the rule, and log their use."""
    params = snakemake.params.ranking
    artefacts = {name: store.open(key) for name, key in params["keys"].items()}
    labels = _read_labels(artefacts)
    ranked = _ranked(artefacts, labels, params["sampler"])
    if "labelled" in artefacts:
        ranked[GIVEN] = ranked["id"].map(labels).map(dict(enumerate(params["classes"])))
    if "predictions" in artefacts:
        ranked = _with_predictions(ranked, artefacts["predictions"], params["classes"])
    images = Path(params["images"])
    listing = list_images(images) if images.is_dir() else Listing()
    skipped = _skipped(artefacts["images"], listing)
    outputs = {Path(path).name: Path(path) for path in snakemake.output}
    write_output(outputs[RANKING], csv_bytes(ranked))
    write_output(outputs[SKIPPED], csv_bytes(skipped))
    places = places_of(artefacts["embeddings"], Path(params["map"]))
    thumbnails = make_thumbnails(open_images(artefacts["images"]), places.index.to_numpy(np.int64))
    html = ranking_page(ranked, params["sampler"], places, thumbnails)
    with replacing(outputs[PAGE]) as draft:
        draft.write_text(html, "utf-8")
    write_points(outputs[POINTS], ranked, places, thumbnails, images)
    _copy_pictures(params["pictures"], outputs[RANKING].parent)
    _say_how(params)
    _say(ranked, images, outputs, unused=int((~labels.index.isin(ranked["id"])).sum()))
    _say_left_out(artefacts["images"], listing, outputs[SKIPPED])
    if params["trained"]:
        log.info("The encoder is trained on all of these images, and anew where one more is added:")
        log.info("  docs/own-images.md, `More images`, says how to keep it")
    if params["growth"]:
        for sentence in advice(pd.read_csv(params["growth"]), params["worth"]):
            log.info("%s", sentence)
    hand_over(
        params["export"] if images.is_dir() else [],  # arrays have no files
        ranked,
        ranked[ranked["by"] == params["sampler"]],
        images,
        outputs[RANKING].parent,
        list(dict.fromkeys([*params["named_classes"], *params["classes"]])),
    )


def _read_labels(artefacts: dict[str, Artefact]) -> "pd.Series[int]":
    """The number of the class of each image that has a label, by its id."""
    if "labelled" not in artefacts:
        return pd.Series(dtype=np.int64)
    table = pd.read_parquet(artefacts["labelled"].path("labels.parquet"))
    return table.set_index("id")["label"]


def _ranked(artefacts: dict[str, Artefact], labels: "pd.Series[int]", sampler: str) -> pd.DataFrame:
    ids, embeddings = read_embeddings(
        artefacts["embeddings"].path("embeddings.parquet"), "candidates"
    )
    picks = pd.read_parquet(artefacts["selection"].path("selection.parquet")).sort_values("rank")
    ranked = rank_all(ids, embeddings, picks, labels.index.to_numpy(), sampler)
    items = pd.read_parquet(artefacts["images"].path("items.parquet")).set_index("id")
    # Images of an array have no files, so their position takes the place of a path.
    paths = items["path"] if "path" in items else items.index.to_series()
    ranked["path"] = paths.loc[ranked["id"]].to_numpy()
    return ranked[COLUMNS].copy()


def _with_predictions(
    ranked: pd.DataFrame, predictions: Artefact, classes: list[str]
) -> pd.DataFrame:
    """Add the likeliest class of each image without a label, and its probability."""
    ids, votes = read_predictions(predictions.path("predictions.parquet"), "candidates")
    probabilities = votes.mean(axis=1)
    likeliest = probabilities.argmax(axis=1)
    found = pd.DataFrame(
        {
            PREDICTED: np.asarray(classes, dtype=object)[likeliest],
            "probability": probabilities.max(axis=1),
        },
        index=ids,
    ).loc[ranked["id"]]
    found[ranked["rank"].isna().to_numpy()] = np.nan
    return pd.concat([ranked, found.set_axis(ranked.index)], axis=1)


def _copy_pictures(pictures: Mapping[str, str], folder: Path) -> None:
    """Put the figures beside the ranking, and remove one that this run does not make."""
    for copy, source in pictures.items():
        write_output(Path(copy), Path(source).read_bytes())
    for path in (folder / f"{GROWTH}.{suffix}" for suffix in FORMATS):
        if str(path) not in pictures:
            remove_output(path)


def _skipped(images: Artefact, listing: Listing) -> pd.DataFrame:
    """Path and reason of each file that is not ranked, or only in part."""
    reasons = _unread(images) | listing.left_out()
    for path, frames in read_notes(images).get("pages", {}).items():
        reasons[path] = f"has {_frames(path, frames)}, of which only the first is ranked"
    return pd.DataFrame(sorted(reasons.items()), columns=["path", "reason"])


def _unread(images: Artefact) -> dict[str, str]:
    if "skipped.parquet" not in images.manifest["files"]:
        return {}
    table = pd.read_parquet(images.path("skipped.parquet"))
    return dict(zip(table["path"], table["reason"], strict=True))


def _frames(path: str, frames: int) -> str:
    return "several frames" if format_of(path) == "GIF" else f"{frames} pages or frames"


def copy_to_old_name(snakemake: Any, store: Store) -> None:
    """Copy the ranking to the name that it had in earlier versions."""
    ranking, copy = Path(snakemake.input[0]), Path(snakemake.output[0])
    write_output(copy, ranking.read_bytes())
    log.info("The ranking is %s now; %s is a copy of it. Ask for the new name.", ranking, copy)


def _say(ranked: pd.DataFrame, images: Path, outputs: dict[str, Path], unused: int) -> None:
    """Log the numbers of images; ``unused`` labels belong to images that could not be read."""
    counts = ranked["by"].value_counts()
    labelled = int(counts.get(LABELLED, 0))
    rest = int(counts.get(DISTANCE, 0))
    picked = len(ranked) - labelled - rest
    folder = outputs[RANKING].parent
    log.info("%d images of %s are ranked in %s:", picked + rest, images, outputs[RANKING])
    log.info("  the first %d are picked, the other %d follow by distance", picked, rest)
    if labelled:
        have = "has" if labelled == 1 else "have"
        log.info("  %d %s a label already, at the end", labelled, have)
    if unused:
        log.info("  %d of the labels given are of images that could not be read", unused)
    log.info("Look at them in a browser: %s", folder / PAGE)


def _say_how(params: Mapping[str, Any]) -> None:
    """Log what the ranking was made with, and that each of it is a setting."""
    height, width = params["size"]
    log.info(
        "Made with encoder=%s on images of %d x %d pixels (image_size) and sampler=%s; set others "
        "as you like. docs/own-images.md says why these are the defaults.",
        params["encoder"],
        height,
        width,
        params["sampler"],
    )


def _say_left_out(images: Artefact, listing: Listing, skipped: Path) -> None:
    """Log the files that were left out, and notes about the images."""
    unread = len(_unread(images))
    lines = [f"{unread} {'image' if unread == 1 else 'images'} could not be read"] if unread else []
    lines += listing.sentences()
    if lines:
        log.info("Left out, with reasons in %s:", skipped)
    for line in lines:
        log.info("  %s", line)
    for sentence in sentences(read_notes(images)):
        log.info("%s", sentence)
