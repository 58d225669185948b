"""SVHN, house numbers as single digits (Netzer et al. 2011), from the published .mat files."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coldstart.data import checked
from coldstart.data.published import File, Found, PublishedSet, own_digest
from coldstart.data.source import Part, Source, chunk_images, whole_images
from coldstart.data.sources import mat
from coldstart.running.settings import Settings


def _file(part: str, md5: str) -> File:
    name = f"{part}_32x32.mat"
    url = f"http://ufldl.stanford.edu/housenumbers/{name}"
    return File(name, md5, url, also={f"svhn/{name}": md5, f"SVHN/{name}": md5})


SET = PublishedSet(
    title="SVHN",
    page="http://ufldl.stanford.edu/housenumbers/",
    parts={
        "train": [_file("train", "e26dedcc434d2e4c54c9b2d4a06d8373")],
        "test": [_file("test", "eb5a983be6a315427106f1b164d9cef3")],
        "extra": [_file("extra", "a93ce644f1a588dc4d68dda5feec44a7")],
    },
)
DIGEST = SET.digest

missing = SET.missing


def read(recipe: Mapping[str, Any], settings: Settings) -> Source:
    """The 73,257 training images, then 26,032 for the test, then 531,131 further, easier ones."""
    opened = SET.open(recipe, settings)
    return Source([_part(*item) for item in opened.items()], lambda: own_digest(opened))


def _part(name: str, files: Sequence[Found]) -> Part:
    path, md5 = files[0].path, files[0].md5
    height, width, channels, count = mat.shape(path, "X")
    image = height * width * channels

    def chunks() -> Iterator[NDArray[np.uint8]]:
        checked.verify(path, md5)
        for piece in mat.pieces(path, "X", chunk_images(image) * image):
            # MATLAB's arrays run through their first axis fastest, through the images last.
            stored = whole_images(piece, image).reshape(-1, channels, width, height)
            yield stored.transpose(0, 3, 2, 1)

    def labels() -> NDArray[np.int64]:
        from scipy.io import loadmat

        checked.verify(path, md5)
        numbers: NDArray[np.int64] = loadmat(path, variable_names=["y"])["y"].ravel().astype(int)
        return numbers % 10  # the digit 0 is published as 10

    return Part(name, count, chunks, labels)
