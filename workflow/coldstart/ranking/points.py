"""The ranking for other tools that show tables with images: one Parquet file."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from coldstart.common.atomic import replacing
from coldstart.embeddings.tables import read_embeddings
from coldstart.pages.layout import place_others
from coldstart.pages.thumbnails import jpeg
from coldstart.store import Artefact

ROWS = 1_000
"""Images whose JPEGs are in memory at once."""


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
    path: Path,
    ranked: pd.DataFrame,
    places: pd.DataFrame,
    thumbnails: NDArray[np.uint8],
    folder: Path,
) -> None:
    """Write the table of the ranking with places, files and thumbnails.

    The column ``image`` has ``bytes`` (a JPEG) and ``path``, as the image type of Hugging Face's
    datasets has them, which Embedding Atlas shows.

    Args:
        path: of the Parquet file.
        ranked: the table of the ranking.
        places: of each image, by id.
        thumbnails: of the images in the order of ``places``, uint8 [n, height, width, 3].
        folder: that the paths start from; ``file`` is absolute.
    """
    files: list[Any] = [str(folder / str(name)) for name in ranked["path"]]
    table = ranked.assign(
        x=places["x"].loc[ranked["id"]].to_numpy(),
        y=places["y"].loc[ranked["id"]].to_numpy(),
        file=files if folder.is_dir() else None,
    )
    order = places.index.get_indexer(pd.Index(table["id"]))
    plain = pa.Table.from_pandas(table, preserve_index=False)
    image = pa.field("image", pa.struct({"bytes": pa.binary(), "path": pa.string()}))
    with (
        replacing(path) as draft,
        pq.ParquetWriter(draft, plain.schema.append(image)) as writer,
    ):
        for start in range(0, len(table), ROWS):
            part = plain.slice(start, ROWS)
            names = table["path"].iloc[start : start + ROWS].astype(str)
            shown = [
                {"bytes": jpeg(thumbnails[row]), "path": name}
                for row, name in zip(order[start : start + ROWS], names, strict=True)
            ]
            writer.write_table(part.append_column(image, pa.array(shown, image.type)))
