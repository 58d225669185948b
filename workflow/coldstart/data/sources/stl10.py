"""STL-10 (Coates et al. 2011), from the published binary files."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coldstart.data import checked
from coldstart.data.published import File, Found, PublishedSet, own_digest
from coldstart.data.source import Part, Source, chunk_images, whole_images
from coldstart.running.settings import Settings

SIDE = 96
IMAGE = 3 * SIDE * SIDE
"""Number of bytes of an image."""

FOLDER = "stl10_binary"
SET = PublishedSet(
    title="STL-10",
    page="https://cs.stanford.edu/~acoates/stl10/",
    parts={
        "unlabeled": [File(f"{FOLDER}/unlabeled_X.bin", "5242ba1fed5e4be9e1e742405eb56ca4")],
        "train": [
            File(f"{FOLDER}/train_X.bin", "918c2871b30a85fa023e0c44e0bee87f"),
            File(f"{FOLDER}/train_y.bin", "5a34089d4802c674881badbb80307741"),
        ],
        "test": [
            File(f"{FOLDER}/test_X.bin", "7f263ba9f9e0b06b93213547f721ac82"),
            File(f"{FOLDER}/test_y.bin", "36f9794fa4beb8a2c72628de14fa638e"),
        ],
    },
    archive=File(
        "stl10_binary.tar.gz",
        "91f7769df0f17e558f3565bffb0c7dfb",
        "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz",
    ),
)
DIGEST = SET.digest

missing = SET.missing


def read(recipe: Mapping[str, Any], settings: Settings) -> Source:
    """The 100,000 unlabelled images, then 5,000 for training and 8,000 for the test."""
    opened = SET.open(recipe, settings)
    return Source([_part(*item) for item in opened.items()], lambda: own_digest(opened))


def _part(name: str, files: Sequence[Found]) -> Part:
    pixels = files[0]

    def chunks() -> Iterator[NDArray[np.uint8]]:
        for piece in checked.pieces(pixels.path, pixels.md5, chunk_images(IMAGE) * IMAGE):
            # Each channel is stored column after column.
            stored = whole_images(piece, IMAGE).reshape(-1, 3, SIDE, SIDE)
            yield stored.transpose(0, 3, 2, 1)

    def labels() -> NDArray[np.int64]:
        numbers = np.frombuffer(checked.content(files[1].path, files[1].md5), np.uint8)
        return numbers.astype(np.int64) - 1  # published as 1 to 10

    count = pixels.path.stat().st_size // IMAGE
    return Part(name, count, chunks, labels if len(files) > 1 else None)
