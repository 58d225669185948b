"""The ranking as a page to explore: all images on a map, the picks, and lists to take along."""

from pathlib import Path

import numpy as np
import pandas as pd

from coldstart.data.read import read_images
from coldstart.data.sources.label_tables import GIVEN
from coldstart.embeddings.tables import read_embeddings
from coldstart.pages.explorer import Explored, page
from coldstart.pages.layout import place_others
from coldstart.store import Artefact


def ranking_page(
    ranked: pd.DataFrame,
    sampler: str,
    images: Artefact,
    embeddings: Artefact,
    laid_out: Path,
) -> str:
    """Return the page's HTML.

    Args:
        ranked: the table of the ranking, with the given labels if there are any.
        sampler: its name; the budget is the number of images that it picked.
        images: as the encoder saw them.
        embeddings: of all of them.
        laid_out: the numbers of the embedding map, which has the places of some of them.
    """
    ids, vectors = read_embeddings(embeddings.path("embeddings.parquet"), "candidates")
    there = pd.read_csv(laid_out, usecols=["id", "x", "y"]).drop_duplicates("id")
    rows = pd.Series(np.arange(len(ids)), index=ids)
    places = place_others(
        vectors,
        rows.loc[there["id"]].to_numpy(np.int64),
        there[["x", "y"]].to_numpy(np.float32),
    )
    table = ranked.set_index("id").loc[ids]
    categories = {"cluster": [str(number) for number in table["cluster"]]}
    if GIVEN in table:
        categories["label"] = table[GIVEN].fillna("").astype(str).tolist()
    others = len(ids) - len(there)
    between = f" {others:,} more lie between their three nearest neighbours." if others else ""
    return page(
        Explored(
            title=f"{len(ids):,} images, ranked by {sampler}",
            places=places,
            images=read_images(images, ids),
            names=table["path"].astype(str).tolist(),
            rankings={sampler: table["rank"].fillna(0).to_numpy(np.int64)},
            budget=int((table["by"] == sampler).sum()),
            categories=categories,
            values={"score": table["score"].to_numpy(np.float64)},
            notes=[f"The map is t-SNE of the embeddings of {len(there):,} images.{between}"],
        )
    )
