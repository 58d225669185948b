"""The batch files of CIFAR-10 and CIFAR-100, which are pickles of Python 2.

A pickle can run any code. Only files with the published MD5 are therefore opened.
"""

import pickle
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coldstart.common.errors import ColdstartError
from coldstart.data import checked
from coldstart.data.published import Found, PublishedSet
from coldstart.data.source import Part, Source, in_chunks
from coldstart.running.settings import Settings

SIDE = 32


def read(
    published: PublishedSet,
    sizes: Mapping[str, int],
    key: str,
    recipe: Mapping[str, Any],
    settings: Settings,
) -> Source:
    """Open the set.

    Args:
        published: which files it has.
        sizes: images in each file of a part.
        key: name of the labels in the files.
        recipe: the recipe of its images or labels.
        settings: where image sets lie.

    Raises:
        ColdstartError: files are missing, or the recipe is of another edition.
    """
    if recipe["digest"] != published.digest:
        raise ColdstartError(
            f"{published.title} is read only as published, with digest {published.digest}, because "
            f"its files are pickles; the recipe says {recipe['digest']}. Read another edition as "
            "image files, with `source: folder`, or as an array, with `source: arrays` "
            "(docs/data.md)."
        )
    opened = published.open(recipe, settings)
    return Source([_part(name, files, sizes[name], key) for name, files in opened.items()])


def _part(name: str, files: Sequence[Found], size: int, key: str) -> Part:
    def chunks() -> Iterator[NDArray[np.uint8]]:
        for found in files:
            rows = _batch(found)["data"].reshape(-1, 3, SIDE, SIDE)
            for chunk in in_chunks(rows):
                yield chunk.transpose(0, 2, 3, 1)

    def labels() -> NDArray[np.int64]:
        return np.concatenate([np.asarray(_batch(found)[key], np.int64) for found in files])

    return Part(name, size * len(files), chunks, labels)


def _batch(found: Found) -> dict[str, Any]:
    assert found.md5 is not None
    batch: dict[str, Any] = pickle.loads(checked.content(found.path, found.md5), encoding="latin1")
    return batch
