"""Ingest: all images of a source as one array, and apart from them its labels as a table."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from coldstart.common.errors import ColdstartError
from coldstart.common.progress import Progress
from coldstart.data.notes import FILE, sentences
from coldstart.data.source import Source, reader
from coldstart.data.unclassed import UNLABELLED
from coldstart.running.job import Job

log = logging.getLogger("coldstart")


def make_images(job: Job) -> None:
    """Write ``images.npy``, uint8 [n, h, w, channels], and ``items.parquet``: id, part[, path].

    Images are written as they are read, so a set of any size needs the memory of one chunk. An
    image that could not be read is not among the items, but in ``skipped.parquet``: id, path,
    reason. A user's own set has ``notes.json`` too, which ``coldstart.data.notes`` describes.
    """
    source = _opened(job)
    _compare("parts", {part.name: part.count for part in source.parts}, job)
    _write_images(job.out / "images.npy", source, job)
    _compare_digest(source, job)
    items: dict[str, Any] = {
        "id": np.arange(sum(part.count for part in source.parts)),
        "part": np.repeat(
            [part.name for part in source.parts], [part.count for part in source.parts]
        ),
    }
    if any(part.paths is not None for part in source.parts):
        items["path"] = [path for part in source.parts for path in part.paths or [""] * part.count]
    table, skipped = pd.DataFrame(items), _skipped(source)
    if skipped:
        reasons = table.loc[list(skipped), ["id", "path"]].assign(reason=list(skipped.values()))
        reasons.to_parquet(job.out / "skipped.parquet", index=False)
        table = table.drop(index=list(skipped))
    table.to_parquet(job.out / "items.parquet", index=False)
    notes = source.notes()
    if notes:
        for sentence in sentences(notes):
            log.warning("%s", sentence)
        text = json.dumps(notes, indent=1, ensure_ascii=False)
        (job.out / FILE).write_text(text, encoding="utf-8")


def make_labels(job: Job) -> None:
    """Write ``labels.parquet``: id, label. Unlabelled images have no row; no image is decoded."""
    source = _opened(job)
    counts: dict[str, int | list[int]] = {}
    ids, labels = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    first = 0
    for part in source.parts:
        if part.labels is None:
            counts[part.name] = part.count
        else:
            of_part = part.labels()
            if len(of_part) != part.count:
                raise ColdstartError(
                    f"source `{job.recipe['source']}`: part `{part.name}` has {part.count} images "
                    f"but {len(of_part)} labels. A file is damaged or incomplete."
                )
            classes = len(job.recipe["classes"])
            known = of_part != UNLABELLED
            counts[part.name] = np.bincount(of_part[known], minlength=classes).tolist()
            ids.append(first + np.flatnonzero(known))
            labels.append(of_part[known])
        first += part.count
    _compare("parts", counts, job)
    _compare_digest(source, job)
    table = pd.DataFrame({"id": np.concatenate(ids), "label": np.concatenate(labels)})
    table.to_parquet(job.out / "labels.parquet", index=False)


def _skipped(source: Source) -> dict[int, str]:
    """Return the reasons why images could not be read, by id."""
    found: dict[int, str] = {}
    first = 0
    for part in source.parts:
        found |= {first + row: reason for row, reason in sorted(part.skipped().items())}
        first += part.count
    return found


def _opened(job: Job) -> Source:
    return reader(job.recipe["source"]).read(job.recipe, job.settings)


def _write_images(path: Path, source: Source, job: Job) -> None:
    """Write all parts chunk by chunk, as ``numpy.save`` would write them at once."""
    shape = tuple(job.recipe["shape"])
    count = sum(part.count for part in source.parts)
    progress = Progress(f"reading {job.recipe['source']}", count)
    header = {"descr": "|u1", "fortran_order": False, "shape": (count, *shape)}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for part in source.parts:
            done = 0
            for chunk in part.chunks():
                _compare("shape", list(chunk.shape[1:]), job)
                file.write(np.ascontiguousarray(chunk, dtype=np.uint8).data)
                done += len(chunk)
                progress.advance(len(chunk))
            if done != part.count:
                raise ColdstartError(
                    f"source `{job.recipe['source']}`: part `{part.name}` says it has {part.count} "
                    f"images, but {done} were read. A file is damaged or incomplete."
                )


def _compare_digest(source: Source, job: Job) -> None:
    """Compare the digest with the recipe's, unless it is the published one, which readers check."""
    name, expected = job.recipe["source"], job.recipe["digest"]
    published = reader(name).DIGEST
    if expected == published:
        return
    if source.digest is None:
        raise ColdstartError(
            f"source `{name}` reads only the published edition, whose digest is {published}; the "
            f"recipe says {expected}."
        )
    _compare("digest", source.digest(), job)


def _compare(key: str, found: object, job: Job) -> None:
    """Compare what was read with the recipe.

    Raises:
        ColdstartError: they differ: the files are of another edition.
    """
    expected = job.recipe[key]
    if found == expected:
        return
    if isinstance(found, dict):
        part = next(name for name in {**expected, **found} if found.get(name) != expected.get(name))
        key, found, expected = f"parts.{part}", found.get(part), expected.get(part)
    raise ColdstartError(
        f"source `{job.recipe['source']}`: {key} is {found}, but the recipe in "
        f"workflow/recipes/datasets.yaml says {expected}. Your files are another edition "
        "of the set: get the recipe's edition, or write a recipe for yours (docs/data.md)."
    )
