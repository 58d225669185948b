import shutil

import numpy as np
import pandas as pd
import pytest

from coldstart.embeddings.clusters import MOST, SIZE, cluster
from coldstart.embeddings.distances import squared_to_nearest
from coldstart.planning.fingerprint import PACKAGE, fingerprint
from coldstart.planning.ranking import MODULES
from coldstart.ranking.order import rank_all


def line(*positions):
    """Images on a line, their ids 10, 11, ..."""
    embeddings = np.array(positions, dtype=np.float32)[:, None]
    return np.arange(10, 10 + len(positions)), embeddings


def picks(*ids, scores=None):
    return pd.DataFrame({"id": ids, "score": scores or [float(-at) for at in range(len(ids))]})


def ranked(ids, embeddings, chosen, labelled=()):
    return rank_all(ids, embeddings, chosen, np.array(labelled, dtype=np.int64), "a-sampler")


def test_picks_come_first_and_other_images_by_distance():
    found = ranked(*line(0, 1, 2, 10, 17), picks(14, 10))
    assert found["id"].tolist() == [14, 10, 13, 12, 11]
    assert found["rank"].tolist() == [1, 2, 3, 4, 5]
    assert found["score"].tolist() == pytest.approx([0, -1, 7, 2, 1])
    assert found["by"].tolist() == ["a-sampler"] * 2 + ["distance"] * 3


def test_labelled_images_have_no_rank_and_lower_that_of_near_ones():
    found = ranked(*line(0, 1, 2, 10, 17), picks(10), labelled=[14, 99])
    assert found["id"].tolist() == [10, 13, 12, 11, 14]
    assert found["rank"].isna().tolist() == [False] * 4 + [True]
    assert found["score"].tolist()[1:4] == pytest.approx([7, 2, 1])
    assert found["by"].tolist()[-1] == "labelled"
    assert np.isnan(found["score"].tolist()[-1])


def test_every_image_has_one_row():
    rng = np.random.default_rng(0)
    ids = rng.permutation(1000)[:300]
    found = ranked(ids, rng.normal(size=(300, 4)).astype(np.float32), picks(*ids[:7]), ids[10:55:9])
    assert sorted(found["id"]) == sorted(ids)
    assert found["rank"].dropna().tolist() == list(range(1, 300 + 1 - 5))
    rest = found[found["by"] == "distance"]["score"].to_numpy()
    assert (np.diff(rest) <= 0).all()


def test_picking_all_images_leaves_no_others():
    found = ranked(*line(0, 1), picks(11, 10))
    assert found["id"].tolist() == [11, 10]


def test_rows_of_the_ranking_have_the_cluster_of_their_image():
    ids, embeddings = line(*[0] * 12, *[100] * 6)
    found = ranked(ids, embeddings, picks(27)).set_index("id")["cluster"]
    assert found.loc[ids[:12]].nunique() == found.loc[ids[12:]].nunique() == 1
    assert found.loc[10] != found.loc[27]


@pytest.mark.parametrize("chunk", [1, 7, 10_000])
def test_distances_equal_their_definition(monkeypatch, chunk):
    monkeypatch.setattr("coldstart.embeddings.distances.CHUNK", chunk)
    rng = np.random.default_rng(1)
    points, centres = (rng.normal(size=(n, 5)).astype(np.float32) for n in (40, 6))
    plain = ((points[:, None] - centres[None]) ** 2).sum(axis=2).min(axis=1)
    np.testing.assert_allclose(squared_to_nearest(points, centres), plain, rtol=1e-4, atol=1e-5)


def test_clusters_are_numbered_by_size_from_one():
    sizes = [7, 30, 13]
    centres = np.repeat(np.eye(3, dtype=np.float32) * 50, sizes, axis=0)
    noise = np.random.default_rng(0).normal(scale=0.01, size=centres.shape).astype(np.float32)
    found = cluster(centres + noise)
    assert set(found) == set(range(1, MOST + 1))
    counts = np.bincount(found)[1:]
    assert (np.diff(counts) <= 0).all()
    groups = np.repeat([0, 1, 2], sizes)
    assert all(len(set(groups[found == number])) == 1 for number in set(found))


@pytest.mark.parametrize(("count", "clusters"), [(2, 1), (SIZE, 1), (SIZE + 1, 2), (20, 4)])
def test_few_images_have_few_clusters(count, clusters):
    embeddings = np.random.default_rng(0).normal(size=(count, 3)).astype(np.float32)
    assert len(set(cluster(embeddings))) == clusters


def test_identical_images_are_one_cluster():
    assert set(cluster(np.ones((30, 3), dtype=np.float32))) == {1}


def test_modules_that_the_ranking_computes_with_are_in_its_fingerprint(tmp_path):
    copy = tmp_path / "coldstart"
    shutil.copytree(PACKAGE, copy)
    file = copy / "embeddings/distances.py"
    text = file.read_text()
    assert "norms - 2 *" in text
    file.write_text(text.replace("norms - 2 *", "norms - 3 *"))
    assert fingerprint(*MODULES, package=copy) != fingerprint(*MODULES)
