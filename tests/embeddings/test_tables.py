import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from coldstart.embeddings import tables
from coldstart.embeddings.tables import read_embeddings, write_embeddings

COUNT, DIM = 50, 3


@pytest.fixture
def written(tmp_path):
    """A file, its ids, splits that are mixed, and embeddings."""
    rng = np.random.default_rng(0)
    ids = rng.permutation(1000)[:COUNT]
    splits = rng.choice(["candidates", "test", "unlabeled"], size=COUNT)
    embeddings = rng.normal(size=(COUNT, DIM)).astype(np.float32)
    path = tmp_path / "embeddings.parquet"
    write_embeddings(path, ids, splits.tolist(), embeddings)
    return path, ids, splits, embeddings


@pytest.mark.parametrize("rows", [1, 7, 8192])
@pytest.mark.parametrize("chosen", [["test"], ["candidates", "test"], ["nowhere"]])
def test_what_is_read_is_what_was_written(written, monkeypatch, rows, chosen):
    monkeypatch.setattr(tables, "ROWS", rows)
    path, ids, splits, embeddings = written
    kept = np.isin(splits, chosen)
    found, values = read_embeddings(path, *chosen)
    np.testing.assert_array_equal(found, ids[kept])
    np.testing.assert_array_equal(values, embeddings[kept])
    assert values.dtype == np.float32


def test_row_groups_follow_each_other(written, tmp_path):
    path, ids, _splits, embeddings = written
    other = tmp_path / "groups.parquet"
    pq.write_table(pq.read_table(path), other, row_group_size=7)
    found, values = read_embeddings(other, "candidates", "test", "unlabeled")
    np.testing.assert_array_equal(found, ids)
    np.testing.assert_array_equal(values, embeddings)


def test_what_is_read_can_be_written_to(written):
    path, _, _, _ = written
    read_embeddings(path, "test")[1][:] = 0


def test_beside_the_result_little_is_in_memory(tmp_path, monkeypatch):
    embeddings = np.zeros((100_000, 64), dtype=np.float32)
    path = tmp_path / "embeddings.parquet"
    write_embeddings(path, np.arange(len(embeddings)), ["test"] * len(embeddings), embeddings)
    usual = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(usual)
    pa.set_memory_pool(pool)
    try:
        read_embeddings(path, "test")
    finally:
        pa.set_memory_pool(usual)
    assert 0 < pool.max_memory() < 0.5 * embeddings.nbytes
