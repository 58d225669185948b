"""Embeddings that a user has: read from each kind of file, and joined with images."""

import numpy as np
import pandas as pd
import pytest

from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.scores import Embedding
from coldstart.data.sources.own_file import digest_own_file
from coldstart.embeddings import embed
from coldstart.embeddings.tables import read_embeddings
from coldstart.running.places import PLACES, export_places
from coldstart.ssl.methods.given import join, read_vectors
from tests.helpers.jobs import artefact_in, make_job

PATHS = ["a/1.jpg", "a/2.jpg", "b/ü.jpg", "b/4.jpg"]
ITEMS = pd.DataFrame({"id": [0, 1, 2, 5], "path": PATHS})  # two could not be read
ROWS = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
WANTED = np.array([5, 0, 1, 2])


def save(folder, kind, rows=ROWS, paths=PATHS, shape="columns"):
    path = folder / f"vectors.{kind}"
    columns = {f"d{i}": column for i, column in enumerate(rows.T)}
    if kind == "npy":
        np.save(path, rows)
    elif kind == "npz":
        np.savez(path, embeddings=rows, paths=np.array(paths))
    elif kind == "csv":
        pd.DataFrame({"path": paths, **columns}).to_csv(path, index=False)
    elif shape == "lists":
        pd.DataFrame({"path": paths, "embedding": list(rows)}).to_parquet(path)
    else:
        pd.DataFrame({"path": paths, **columns}).to_parquet(path)
    return path


@pytest.mark.parametrize(
    ("kind", "shape"), [("npz", ""), ("csv", ""), ("parquet", "columns"), ("parquet", "lists")]
)
def test_rows_are_joined_with_images_by_path(tmp_path, kind, shape):
    order = [2, 0, 3, 1]
    path = save(tmp_path, kind, ROWS[order], [PATHS[row] for row in order], shape)
    joined = join(read_vectors(path), ITEMS, WANTED, path)
    np.testing.assert_allclose(joined, ROWS[[3, 0, 1, 2]], rtol=1e-6)


@pytest.mark.parametrize(
    "write",
    [
        lambda path: f"/photos/mine/{path}",
        lambda path: path.replace("/", "\\"),
        lambda path: f"./{path}",
        lambda path: path.replace("ü", "u\u0308"),
    ],
)
def test_paths_may_be_written_as_systems_write_them(tmp_path, write):
    path = save(tmp_path, "csv", paths=[write(path) for path in PATHS])
    joined = join(read_vectors(path), ITEMS, WANTED, path)
    np.testing.assert_allclose(joined, ROWS[[3, 0, 1, 2]], rtol=1e-6)


def test_images_of_an_array_are_joined_by_position_or_by_id(tmp_path):
    items, wanted = pd.DataFrame({"id": range(4)}), np.array([3, 1])
    path = save(tmp_path, "npy")
    np.testing.assert_array_equal(join(read_vectors(path), items, wanted, path), ROWS[wanted])
    table = tmp_path / "by-id.csv"
    pd.DataFrame({"ID": [1, 3], "x": [0.5, 0.7]}).to_csv(table, index=False)
    np.testing.assert_allclose(join(read_vectors(table), items, wanted, table), [[0.7], [0.5]])


def test_rows_of_other_images_do_not_matter(tmp_path):
    path = save(tmp_path, "npz", np.vstack([ROWS, ROWS[:1]]), [*PATHS, "c/9.jpg"])
    assert len(join(read_vectors(path), ITEMS, WANTED, path)) == 4


def refusal(path, items=ITEMS, wanted=WANTED):
    with pytest.raises(ColdstartError) as caught:
        join(read_vectors(path), items, wanted, path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_image_without_a_row_is_named(tmp_path):
    said = refusal(save(tmp_path, "csv", ROWS[:2], PATHS[:2]))
    assert "no embedding of 2 of 4 images: b/4.jpg, b/ü.jpg" in said


def test_image_with_two_rows_is_named(tmp_path):
    said = refusal(save(tmp_path, "npz", ROWS[[0, 1, 2, 3, 1]], [*PATHS, "a/2.jpg"]))
    assert "two rows of a/2.jpg" in said


def test_rows_without_names_are_refused_for_a_folder(tmp_path):
    assert "does not say which image a row is of" in refusal(save(tmp_path, "npy"))


def test_another_number_of_rows_is_refused_for_an_array(tmp_path):
    items = pd.DataFrame({"id": range(5)})
    assert "4 embeddings for 5 images" in refusal(save(tmp_path, "npy"), items, np.array([0]))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (np.array([[1.0, np.nan]]), "1 of 1 embeddings have values that are not finite"),
        (np.array([1.0, 2.0]), "of shape [2]"),
        (np.array([["a", "b"]]), "and embeddings are numbers"),
        (np.zeros((0, 3)), "of shape [0, 3]"),
    ],
)
def test_anything_but_a_table_of_finite_numbers_is_refused(tmp_path, rows, said):
    np.save(tmp_path / "vectors.npy", rows)
    assert said in refusal(tmp_path / "vectors.npy")


@pytest.mark.parametrize(
    ("kind", "content", "said"),
    [
        ("csv", "x,y\n1,2\n", "no column `path`"),
        ("csv", "path,x,note\na/1.jpg,1,far\n", "column `note` holds no numbers"),
        ("csv", "", "cannot be read as embeddings"),
        ("parquet", "no parquet", "cannot be read as embeddings"),
        ("npz", "no archive", "cannot be read as embeddings"),
        ("npy", "no array", "cannot be read as embeddings"),
    ],
)
def test_file_without_embeddings_is_refused(tmp_path, kind, content, said):
    path = tmp_path / f"vectors.{kind}"
    path.write_text(content)
    assert said in refusal(path)


def test_nothing_in_a_file_is_executed(tmp_path):
    class Evil:
        def __reduce__(self):
            return (tmp_path / "pwned").mkdir, ()

    np.save(tmp_path / "vectors.npy", np.array([[Evil()]], dtype=object), allow_pickle=True)
    assert "cannot be read as embeddings" in refusal(tmp_path / "vectors.npy")
    assert not (tmp_path / "pwned").exists()


def test_archive_with_other_names_than_rows_is_refused(tmp_path):
    np.savez(tmp_path / "vectors.npz", embeddings=ROWS, paths=np.array(PATHS[:3]))
    assert "3 names and 4 embeddings" in refusal(tmp_path / "vectors.npz")
    np.savez(tmp_path / "other.npz", one=ROWS, two=ROWS)
    assert "no array `embeddings`" in refusal(tmp_path / "other.npz")


@pytest.mark.parametrize("unit", [False, True])
def test_stage_writes_the_embeddings_of_each_split(tmp_path, monkeypatch, unit):
    monkeypatch.setenv(PLACES, "{}")
    ITEMS.to_parquet(tmp_path / "items.parquet")
    splits = [(5, "candidates"), (0, "candidates"), (2, "test")]
    pd.DataFrame(splits, columns=["id", "split"]).to_parquet(tmp_path / "index.parquet")
    artefact = artefact_in(tmp_path)
    file = save(tmp_path, "npz")
    digest = digest_own_file(str(file), tmp_path, None, "", "")
    export_places({digest: [file]})
    recipe = {
        **Embedding(unit=unit).model_dump(),
        "encoder": {"method": "given", "embeddings": digest},
    }
    made = make_job(tmp_path / "out", recipe, {"images": artefact, "index": artefact})
    embed.make(made)
    expected = ROWS / (np.linalg.norm(ROWS, axis=1, keepdims=True) if unit else 1)
    for split, ids, rows in (("candidates", [0, 5], [0, 3]), ("test", [2], [2])):
        found, values = read_embeddings(tmp_path / "out/embeddings.parquet", split)
        assert found.tolist() == ids
        np.testing.assert_allclose(values, expected[rows], rtol=1e-6)
    (tmp_path / "vectors.npz").write_bytes(b"another file")
    with pytest.raises(ColdstartError, match="changed meanwhile"):
        embed.make(made)
