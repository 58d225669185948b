"""CIFAR-10 (Krizhevsky 2009), from the published batch files."""

from pathlib import Path

import numpy as np

from coldstart.data.source import Source
from coldstart.errors import ColdstartError

FOLDER = "cifar-10-batches-py"
FILES = ("batches.meta", *(f"data_batch_{number}" for number in range(1, 6)), "test_batch")


def missing(data_dir: Path) -> str | None:
    """What to do about files that are not in ``data_dir``; None if all are there."""
    absent = [name for name in FILES if not (data_dir / FOLDER / name).is_file()]
    if not absent:
        return None
    return (
        f"CIFAR-10 is not in data_dir ({data_dir}): {len(absent)} of its {len(FILES)} files are "
        f"missing.\n  looked for: {data_dir / FOLDER}/{{{','.join(absent)}}}\n"
        "  remedy: give the folder that holds `cifar-10-batches-py` (--config data_dir=...), or "
        "leave to\n  download it (--config download=true), or unpack cifar-10-python.tar.gz from\n"
        "  https://www.cs.toronto.edu/~kriz/cifar.html there."
    )


def read(data_dir: Path, download: bool) -> Source:
    """The 50,000 training images, then the 10,000 test images, in the published order.

    Raises:
        ColdstartError: if a file is missing or does not have its published checksum.
    """
    from coldstart.vision import torchvision

    parts = {}
    for part in ("train", "test"):
        try:
            parts[part] = torchvision.datasets.CIFAR10(
                str(data_dir), train=part == "train", download=download
            )
        except (RuntimeError, OSError) as error:
            raise ColdstartError(
                f"CIFAR-10 in {data_dir / FOLDER} is damaged or incomplete: a file does not have "
                f"its published MD5 ({error}). Remove the folder and fetch it again."
            ) from error
    return Source(
        images=np.concatenate([part.data for part in parts.values()]),
        labels=np.concatenate([np.asarray(part.targets) for part in parts.values()]),
        parts=[name for name, part in parts.items() for _ in range(len(part))],
    )
