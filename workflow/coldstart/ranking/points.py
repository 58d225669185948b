"""The ranking for other tools that show tables with images: one Parquet file."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from coldstart.common.atomic import replacing
from coldstart.data.read import read_images
from coldstart.embeddings.tables import read_embeddings
from coldstart.pages.layout import place_others
from coldstart.pages.thumbnails import QUALITY, size_of
from coldstart.store import Artefact

ROWS = 1_000
"""Images that are in memory at once."""


def places_of(embeddings: Artefact, laid_out: Path) -> pd.DataFrame:
    """The place of each image on the map.

    Args:
        embeddings: of all images.
        laid_out: the numbers of the embedding map, which has the places of some of them.

    Returns:
        ``x``, ``y`` and ``laid_out`` (False where an image lies between its neighbours), by id.
    """
    ids, vectors = read_embeddings(embeddings.path("embeddings.parquet"), "candidates")
    there = pd.read_csv(laid_out, usecols=["id", "x", "y"]).drop_duplicates("id")
    rows = pd.Series(np.arange(len(ids)), index=ids).loc[there["id"]].to_numpy(np.int64)
    places = place_others(vectors, rows, there[["x", "y"]].to_numpy(np.float32))
    found = pd.DataFrame({"x": places[:, 0], "y": places[:, 1], "laid_out": False}, index=ids)
    found.loc[there["id"], "laid_out"] = True
    return found


def write_points(
    path: Path, ranked: pd.DataFrame, places: pd.DataFrame, images: Artefact, folder: Path
) -> None:
    """Write the table of the ranking with places, files and thumbnails.

    The column ``image`` has ``bytes`` (a JPEG) and ``path``, as the image type of Hugging Face's
    datasets has them, which Embedding Atlas shows.

    Args:
        path: of the Parquet file.
        ranked: the table of the ranking.
        places: of each image, by id.
        images: as the encoder saw them.
        folder: that the paths start from; ``file`` is absolute.
    """
    files: list[Any] = [str(folder / str(name)) for name in ranked["path"]]
    table = ranked.assign(
        x=places["x"].loc[ranked["id"]].to_numpy(),
        y=places["y"].loc[ranked["id"]].to_numpy(),
        file=files if folder.is_dir() else None,
    )
    ids = table["id"].to_numpy(np.int64)
    plain = pa.Table.from_pandas(table, preserve_index=False)
    image = pa.field("image", pa.struct({"bytes": pa.binary(), "path": pa.string()}))
    with (
        replacing(path) as draft,
        pq.ParquetWriter(draft, plain.schema.append(image)) as writer,
    ):
        for start in range(0, len(table), ROWS):
            part = plain.slice(start, ROWS)
            some = read_images(images, ids[start : start + ROWS])
            size = size_of(len(table), *some.shape[1:3])
            names = table["path"].iloc[start : start + ROWS].astype(str)
            shown = [
                {"bytes": _jpeg(pixels, *size), "path": name}
                for pixels, name in zip(some, names, strict=True)
            ]
            writer.write_table(part.append_column(image, pa.array(shown, image.type)))


def _jpeg(pixels: np.ndarray, height: int, width: int) -> bytes:
    plain = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
    file = io.BytesIO()
    Image.fromarray(plain).resize((width, height)).save(file, "JPEG", quality=QUALITY)
    return file.getvalue()
