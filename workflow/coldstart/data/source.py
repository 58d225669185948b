"""What every source of images hands over."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Source:
    """A set of images as its publisher orders it; the row number is the image's id.

    Attributes:
        images: uint8 [n, height, width, channels].
        labels: integers [n], from 0.
        parts: the publisher's part that each image is from, such as ``train``.
        digest: of the content, where the reader computes one; else it has checked the files.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.integer]
    parts: list[str]
    digest: str | None = None
