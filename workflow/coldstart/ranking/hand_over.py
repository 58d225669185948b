"""The hand-over of the picks to a labelling tool or to a folder."""

import logging
import shlex
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from coldstart.ranking import cvat, label_studio
from coldstart.ranking.names import (
    CVAT_FILES,
    CVAT_LABELS,
    EXPORTS,
    INTERFACE,
    PICKS,
    TASKS,
)
from coldstart.ranking.picks import remove_picks, write_picks
from coldstart.running.outputs import remove_output, write_output

log = logging.getLogger("coldstart")


def hand_over(
    exports: Sequence[str],
    ranked: pd.DataFrame,
    picks: pd.DataFrame,
    images: Path,
    folder: Path,
    classes: Sequence[str],
) -> None:
    """Write what the settings ask for, and log its use; remove what an earlier run wrote.

    Args:
        exports: names of ``EXPORTS``.
        ranked: the table of the ranking.
        picks: its rows that the sampler picked, in order.
        images: the folder that the paths start from.
        folder: the ranking's.
        classes: their names, as far as they are known.
    """
    _remove_others(exports, folder)
    if "label-studio" in exports:
        write_output(folder / TASKS, label_studio.tasks(ranked, images).encode())
        write_output(folder / INTERFACE, label_studio.interface(classes).encode())
        _say_tasks(ranked, images, folder)
    if "cvat" in exports:
        write_output(folder / CVAT_FILES, cvat.files(picks).encode())
        write_output(folder / CVAT_LABELS, cvat.labels(classes).encode())
        for line in cvat.steps(folder / CVAT_FILES, folder / CVAT_LABELS, len(picks)):
            log.info("%s", line)
        log.info("Its export as `CVAT for images` goes on from there: labelled=annotations.xml")
    if {"folder", "copies"} & {*exports}:
        write_picks(folder / PICKS, picks, images, copy="copies" in exports)
        log.info("The picks are in %s, named by rank", (folder / PICKS).parent)


def _remove_others(exports: Sequence[str], folder: Path) -> None:
    """Remove the files of other exports: those of an earlier ranking would mislead."""
    kept = {name for export in exports for name in EXPORTS[export]}
    for name in {name for names in EXPORTS.values() for name in names} - kept:
        if name == PICKS:
            remove_picks(folder / name)
        else:
            remove_output(folder / name)


def _say_tasks(ranked: pd.DataFrame, images: Path, folder: Path) -> None:
    """Log the steps to label the images with Label Studio."""
    log.info("To label them with Label Studio, start it with")
    log.info(
        "  LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true "
        "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT=%s label-studio",
        shlex.quote(str(images.parent)),
    )
    log.info("  Settings > Labeling Interface > Code: %s", folder / INTERFACE)
    log.info("  Settings > Cloud Storage > Add Source Storage > Local files: %s", images)
    log.info("    (add it, do not sync it)")
    log.info("  Import: %s", folder / TASKS)
    hidden = label_studio.not_shown(ranked)
    if hidden:
        named = ", ".join(f"{count} {name}" for name, count in hidden.most_common())
        log.info("  Browsers do not show the images of %d tasks: %s.", hidden.total(), named)
        log.info("    To label those, save them as PNG or JPEG and rank these instead.")
    log.info("What it exports as CSV goes on from there: --config labelled=export.csv")
