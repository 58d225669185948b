"""Mixed pools: a pool's own images, followed by images of another data set in the same shape."""

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch.nn import functional

from coldstart.common.progress import Progress
from coldstart.config.recipes.pools import OUTLIERS
from coldstart.running.job import Job

CHUNK = 4096

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in a grey image (ITU-R BT.601)."""


def make_images(job: Job) -> None:
    """Write ``images.npy``, own images before outliers, and ``items.parquet``: id, part."""
    recipe = job.recipe
    own, others = (
        np.load(job.inputs[name].path("images.npy"), mmap_mode="r") for name in ("own", "outliers")
    )
    items = pd.read_parquet(job.inputs["own"].path("items.parquet"))
    parts = pd.read_parquet(job.inputs["outliers"].path("items.parquet"))
    ids = np.sort(parts.loc[parts["part"] == recipe["part"], "id"].to_numpy())[: recipe["count"]]
    total = len(own) + len(ids)
    header = {"descr": "|u1", "fortran_order": False, "shape": (total, *recipe["shape"])}
    progress = Progress("mix images", total)
    # Not through a memory map: a full disk would kill the process that writes to one.
    with (job.out / "images.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, len(own), CHUNK):
            chunk = own[start : start + CHUNK]
            file.write(np.ascontiguousarray(chunk).data)
            progress.advance(len(chunk))
        for start in range(0, len(ids), CHUNK):
            chunk = brought_to(others[ids[start : start + CHUNK]], *recipe["shape"])
            file.write(np.ascontiguousarray(chunk).data)
            progress.advance(len(chunk))
    outliers = pd.DataFrame({"id": np.arange(len(own), total), "part": OUTLIERS})
    pd.concat([items[["id", "part"]], outliers]).to_parquet(job.out / "items.parquet", index=False)


def make_labels(job: Job) -> None:
    """Write ``labels.parquet``: id, label; an outlier's label is missing."""
    labels = pd.read_parquet(job.inputs["own"].path("labels.parquet"))
    items = pd.read_parquet(job.inputs["images"].path("items.parquet"))
    outliers = items.loc[items["part"] == OUTLIERS, "id"]
    table = labels.astype({"label": "Int64"}).set_index("id")
    table = table.reindex([*table.index, *outliers]).reset_index()
    table.to_parquet(job.out / "labels.parquet", index=False)


def brought_to(
    images: NDArray[np.uint8], height: int, width: int, channels: int
) -> NDArray[np.uint8]:
    """Convert images to another shape: resized (bilinear, antialiased), to grey or to colour.

    Args:
        images: uint8 [n, h, w, c], with one or three channels.
        height: wanted, in pixels.
        width: wanted, in pixels.
        channels: wanted, one or three.

    Returns:
        uint8 [n, height, width, channels].
    """
    floats = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float()
    if floats.shape[1] != channels:
        if channels == 1:
            floats = torch.einsum("nchw,c->nhw", floats, torch.tensor(LUMA)).unsqueeze(1)
        else:
            floats = floats.expand(-1, channels, -1, -1)
    if floats.shape[2:] != (height, width):
        floats = functional.interpolate(
            floats, (height, width), mode="bilinear", antialias=True, align_corners=False
        )
    found: NDArray[np.uint8] = (
        floats.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
    )
    return found
