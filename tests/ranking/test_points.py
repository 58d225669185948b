"""The Parquet file of a ranking, and the places on its map."""

import io

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from PIL import Image

from coldstart.embeddings.tables import write_embeddings
from coldstart.pages.thumbnails import make_thumbnails
from coldstart.ranking import points
from coldstart.ranking.points import places_of, write_points
from coldstart.store import Identity, Store

COUNT = 25


def artefact(store, name, write):
    identity = Identity("test", {"name": name}, {}, "c" * 64)
    with store.publishing(identity) as out:
        write(out)
    return store.open(identity.key)


def test_table_has_places_files_and_thumbnails(tmp_path, monkeypatch):
    monkeypatch.setattr(points, "ROWS", 10)  # several groups of rows
    rng, store, ids = np.random.default_rng(0), Store(tmp_path / "store"), np.arange(COUNT)
    vectors = rng.normal(size=(COUNT, 4)).astype(np.float32)
    embeddings = artefact(
        store,
        "embeddings",
        lambda out: write_embeddings(
            out / "embeddings.parquet", ids, ["candidates"] * COUNT, vectors
        ),
    )
    pixels = np.broadcast_to(10 * ids[:, None, None, None], (COUNT, 6, 8, 1)).astype(np.uint8)
    laid_out = pd.DataFrame({"id": ids[:20], "x": rng.random(20), "y": rng.random(20)})
    laid_out.to_csv(tmp_path / "map.csv", index=False)
    order = rng.permutation(COUNT)
    ranked = pd.DataFrame({"rank": range(1, COUNT + 1), "path": [f"{n}.png" for n in order]})
    ranked["id"] = order

    places = places_of(embeddings, tmp_path / "map.csv")
    assert places["laid_out"].tolist() == [True] * 20 + [False] * 5
    np.testing.assert_allclose(places["x"][:20], laid_out["x"], rtol=1e-6)
    thumbnails = make_thumbnails(pixels, ids)
    write_points(tmp_path / "ranking.parquet", ranked, places, thumbnails, tmp_path)

    table = pd.read_parquet(tmp_path / "ranking.parquet")
    assert table[["rank", "path", "id"]].equals(ranked)
    assert table["x"].tolist() == places["x"].loc[order].tolist()
    assert table["file"][0] == str(tmp_path / f"{order[0]}.png")
    for row in (0, 12, 24):
        assert table["image"][row]["path"] == f"{order[row]}.png"
        shown = Image.open(io.BytesIO(table["image"][row]["bytes"]))
        assert shown.size == (72, 54)
        assert abs(int(np.asarray(shown)[20, 20, 0]) - 10 * order[row]) <= 2
    assert pq.ParquetFile(tmp_path / "ranking.parquet").num_row_groups == 3


def test_images_of_an_array_have_no_files(tmp_path):
    ids, thumbnails = np.arange(3), np.zeros((3, 8, 8, 3), dtype=np.uint8)
    places = pd.DataFrame({"x": ids, "y": ids, "laid_out": True}, index=ids)
    ranked = pd.DataFrame({"rank": [1, 2, 3], "path": ids, "id": ids})
    write_points(tmp_path / "r.parquet", ranked, places, thumbnails, tmp_path / "set.npz")
    assert pd.read_parquet(tmp_path / "r.parquet")["file"].isna().all()
