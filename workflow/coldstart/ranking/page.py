"""The ranking as a page to explore: all images on a map, the picks, and lists to take along."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from coldstart.data.sources.label_tables import GIVEN
from coldstart.pages.explorer import Explored, page
from coldstart.ranking.names import PREDICTED


def ranking_page(
    ranked: pd.DataFrame,
    sampler: str,
    places: pd.DataFrame,
    thumbnails: NDArray[np.uint8],
) -> str:
    """Return the page's HTML.

    Args:
        ranked: the table of the ranking, with the given labels if there are any.
        sampler: its name; the budget is the number of images that it picked.
        places: of each image, by id.
        thumbnails: of the images in the order of ``places``, uint8 [n, height, width, 3].
    """
    ids = places.index.to_numpy(np.int64)
    table = ranked.set_index("id").loc[ids]
    categories = {"cluster": [str(number) for number in table["cluster"]]}
    if GIVEN in table:
        categories["label"] = table[GIVEN].fillna("").astype(str).tolist()
    values = {"score": table["score"].to_numpy(np.float64)}
    if PREDICTED in table:
        categories[PREDICTED] = table[PREDICTED].fillna("").astype(str).tolist()
        values["probability"] = table["probability"].to_numpy(np.float64)
    others = int((~places["laid_out"]).sum())
    between = f" {others:,} more lie between their three nearest neighbours." if others else ""
    return page(
        Explored(
            title=f"{len(ids):,} images, ranked by {sampler}",
            places=places[["x", "y"]].to_numpy(np.float32),
            thumbnails=thumbnails,
            names=table["path"].astype(str).tolist(),
            rankings={sampler: table["rank"].fillna(0).to_numpy(np.int64)},
            budget=int((table["by"] == sampler).sum()),
            categories=categories,
            values=values,
            notes=[f"The map is t-SNE of the embeddings of {len(ids) - others:,} images.{between}"],
        )
    )
