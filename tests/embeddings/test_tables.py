import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import coldstart
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
def test_table_is_read_as_written(written, monkeypatch, rows, chosen):
    monkeypatch.setattr(tables, "ROWS", rows)
    path, ids, splits, embeddings = written
    kept = np.isin(splits, chosen)
    found, values = read_embeddings(path, *chosen)
    np.testing.assert_array_equal(found, ids[kept])
    np.testing.assert_array_equal(values, embeddings[kept])
    assert values.dtype == np.float32


def test_row_groups_follow_each_other(written, tmp_path):
    path, ids, splits, embeddings = written
    other = tmp_path / "groups.parquet"
    pq.write_table(pq.read_table(path), other, row_group_size=7)
    kept = splits == "candidates"
    found, values = read_embeddings(other, "candidates")
    np.testing.assert_array_equal(found, ids[kept])
    np.testing.assert_array_equal(values, embeddings[kept])


def test_array_that_was_read_is_writable(written):
    path, _, _, _ = written
    read_embeddings(path, "test")[1][:] = 0


PEAK = """
import sys, pyarrow
from coldstart.embeddings.tables import read_embeddings
read_embeddings(sys.argv[1], "test")
print(pyarrow.default_memory_pool().max_memory())
"""


def test_reading_needs_little_memory_beside_the_result(tmp_path):
    """Memory stays near that of one row group, in a process of its own, which has its own peak."""
    embeddings = np.zeros((200_000, 64), dtype=np.float32)
    path = tmp_path / "embeddings.parquet"
    write_embeddings(path, np.arange(len(embeddings)), ["test"] * len(embeddings), embeddings)
    package = {**os.environ, "PYTHONPATH": str(Path(coldstart.__file__).parents[1])}
    run = [sys.executable, "-c", PEAK, str(path)]
    found = subprocess.run(run, env=package, check=True, stdout=subprocess.PIPE, text=True)
    assert 0 < int(found.stdout) < 0.4 * embeddings.nbytes
