"""The images of a training: in the memory of the device, or streamed to it."""

import warnings
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

CHUNK = 1024
"""Number of images that are read at once when all are gone through."""


@dataclass(frozen=True, eq=False)
class Images:
    """Some rows of an array of images; an array in a file is read only at those rows.

    Attributes:
        array: uint8 [M, H, W, C], often a memory map.
        rows: of the array, in order: int64 [N].
    """

    array: NDArray[np.uint8]
    rows: NDArray[np.int64]

    @classmethod
    def of(cls, images: "NDArray[np.uint8] | Images") -> "Images":
        """All images of an array [N, H, W, C]."""
        if isinstance(images, cls):
            return images
        array = np.ascontiguousarray(images)
        return cls(array, np.arange(len(array)))

    @classmethod
    def open(cls, file: Path, rows: NDArray[np.int64]) -> "Images":
        """Open rows of an ``.npy`` file as a memory map."""
        return cls(np.load(file, mmap_mode="r"), rows)

    @property
    def shape(self) -> tuple[int, ...]:
        """[N, H, W, C]."""
        return (len(self.rows), *self.array.shape[1:])

    @property
    def size(self) -> int:
        """Bytes of all these images."""
        return int(np.prod(self.shape, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, at: slice | NDArray[np.int64]) -> NDArray[np.uint8]:
        """Copy the images at these places into memory: uint8 [n, H, W, C]."""
        return np.asarray(self.array[self.rows[at]])

    def chunks(self) -> Iterator[NDArray[np.uint8]]:
        """Yield all images, a few at a time."""
        for start in range(0, len(self), CHUNK):
            yield self[start : start + CHUNK]


def channel_statistics(images: NDArray[np.uint8] | Images) -> tuple[Tensor, Tensor]:
    """Return each channel's mean and standard deviation over all pixels, in [0, 1].

    Integers are summed, so the sums are exact. A constant channel gets the deviation 1.

    Args:
        images: uint8 [N, H, W, C].

    Returns:
        Two float64 tensors [C].
    """
    images = Images.of(images)
    channels = images.shape[-1]
    total, squares = torch.zeros(2, channels, dtype=torch.int64)
    for chunk in images.chunks():
        pixels = torch.from_numpy(chunk).reshape(-1, channels).int()
        total += pixels.sum(0)
        squares += pixels.square().sum(0)
    count = images.size // channels
    mean = total.double() / count
    std = (squares.double() / count - mean.square()).clamp(min=0).sqrt() / 255
    return mean / 255, torch.where(std > 0, std, 1.0)


class Resident:
    """Images in the memory of the device; on a CPU they stay where they are."""

    def __init__(self, images: Images, device: torch.device) -> None:
        self.device = device
        if device.type == "cpu":
            self._images, self._rows = _share(images.array), torch.from_numpy(images.rows)
            return
        self._images = torch.empty(images.shape, dtype=torch.uint8, device=device)
        self._rows = torch.arange(len(images), device=device)
        for number, chunk in enumerate(images.chunks()):
            part = self._images[number * CHUNK : number * CHUNK + len(chunk)]
            part.copy_(torch.from_numpy(chunk))

    def batches(self, places: Tensor, size: int) -> Generator[Tensor]:
        """Give the images at these places, a batch at a time.

        Args:
            places: rows among the images, int64 [n], on the CPU.
            size: images of a batch; it divides n.

        Yields:
            Tensor: uint8 [size, H, W, C] on the device.
        """
        for part in places.to(self.device).view(-1, size).unbind():
            yield self._images[self._rows[part]]


class Streamed:
    """Images that a thread reads one batch ahead of the training."""

    def __init__(self, images: Images, device: torch.device) -> None:
        self.device = device
        self._images, self._rows = _share(images.array), torch.from_numpy(images.rows)

    def batches(self, places: Tensor, size: int) -> Generator[Tensor]:
        """Give the images at these places, a batch at a time, as ``Resident`` does."""
        with ThreadPoolExecutor(1) as thread:
            waiting = None
            for part in places.view(-1, size).unbind():
                coming = thread.submit(self._read, part)
                if waiting is not None:
                    yield waiting.result().to(self.device, non_blocking=True)
                waiting = coming
            if waiting is not None:
                yield waiting.result().to(self.device, non_blocking=True)

    def _read(self, part: Tensor) -> Tensor:
        pinned = self.device.type == "cuda"  # only pinned memory is copied in the background
        batch = torch.empty(
            (len(part), *self._images.shape[1:]), dtype=torch.uint8, pin_memory=pinned
        )
        return torch.index_select(self._images, 0, self._rows[part], out=batch)


def on_device(images: Images, device: torch.device, share: float) -> Resident | Streamed:
    """Keep images on the device if they fit, and stream them if not; batches are the same.

    Args:
        images: of a training.
        device: where it computes.
        share: of a GPU's memory that they may take; 0 streams them on any device.
    """
    if share and device.type == "cpu":
        return Resident(images, device)
    if share and images.size <= share * torch.cuda.get_device_properties(device).total_memory:
        return Resident(images, device)
    return Streamed(images, device)


def _share(array: NDArray[np.uint8]) -> Tensor:
    """Wrap an array without a copy. It may be read-only, because nothing writes to the tensor."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.from_numpy(np.asarray(array))
