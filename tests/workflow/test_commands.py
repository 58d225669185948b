"""The commands on a study that was built for real."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest

from coldstart.store import Identity, Store

STUDY = "quickstart"


def command(clone, *arguments, status=0, **env):
    """Run ``coldstart`` in a clone and return what it printed, or its complaint."""
    done = subprocess.run(
        [sys.executable, "-m", "coldstart.cli", *map(str, arguments)],
        cwd=clone.folder, text=True, capture_output=True,
        env={**os.environ, "PYTHONPATH": str(clone.folder / "workflow"), **clone.env, **env},
    )  # fmt: skip
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr if status else done.stdout


def store_of(clone):
    return Store(clone.folder / "results/store")


def stages(store):
    return {store.manifest(key)["stage"] for key in store.keys()}  # noqa: SIM118


SHOWN = {
    "figures": ["figures/quickstart/accuracy-vs-labels.csv", "figures/quickstart/first-picks.csv"],
    "tables": ["tables/quickstart/metrics.csv"],
}
"""A figure of metrics, one of images, and a table."""


@pytest.mark.parametrize("with_encoders", [False, True])
def test_a_bundle_rebuilds_every_figure_without_training(built, fresh, tmp_path, with_encoders):
    file = tmp_path / "study.tar"
    options = ["--with-encoders"] if with_encoders else []
    command(built, "bundle", "export", STUDY, file, "--scale", "smoke", *options)
    command(fresh, "bundle", "import", file)
    assert ("pretrain" in stages(store_of(fresh))) == with_encoders
    whole = fresh.planned()
    assert whole == {"figure": csv_files(built, "figures"), "table": csv_files(built, "tables")}
    if not with_encoders:
        # Nothing else is planned, so the store has what all of them read. Drawn are those that read
        # images, scores and metrics.
        targets = [f"results/{name}" for names in SHOWN.values() for name in names]
        fresh.snakemake(*targets)
        for name in targets:
            assert (fresh.folder / name).read_text() == (built.folder / name).read_text()
        assert fresh.planned() == {
            "figure": whole["figure"] - len(SHOWN["figures"]),
            "table": whole["table"] - len(SHOWN["tables"]),
        }


def csv_files(clone, folder):
    return len(list((clone.folder / f"results/{folder}").glob("*/*.csv")))


def test_a_bundle_lets_the_evaluation_be_changed_without_training(built, fresh, tmp_path):
    command(built, "bundle", "export", STUDY, tmp_path / "study.tar", "--scale", "smoke")
    command(fresh, "bundle", "import", tmp_path / "study.tar")
    fresh.edit("workflow/recipes/learners.yaml", "c: 0.1", "c: 0.2")
    assert set(fresh.planned()) == {"evaluate", "figure", "table"}


def test_an_unfinished_study_is_not_exported(fresh, tmp_path):
    said = command(fresh, "bundle", "export", STUDY, tmp_path / "study.tar", status=1)
    assert "not finished at scale cpu" in said
    assert f"snakemake --cores all --config studies={STUDY} scale=cpu" in said
    assert not (tmp_path / "study.tar").exists()


def litter(store):
    """An artefact that no study makes."""
    identity = Identity("pretrain", {"seed": 99}, {}, "c" * 64)
    with store.publishing(identity) as folder:
        (folder / "model").write_bytes(b"x" * 5000)
    return identity.key


def leave_one_study(clone):
    """Remove all studies but the one that was built: planning them takes half a minute."""
    for path in clone.folder.glob("workflow/studies/*.yaml"):
        if path.stem != STUDY:
            path.unlink()


def test_garbage_is_listed_first_and_removed_alone(built, copy_of):
    clone = copy_of(built)
    store = store_of(clone)
    kept = store.keys()
    key = litter(store)
    assert "0 of" in command(clone, "store", "gc")
    leave_one_study(clone)
    said = command(clone, "store", "gc", "--older-than", "0s")
    assert key[:12] in said
    assert "5 kB" in said
    assert "Nothing was removed" in said
    assert store.has(key)
    said = command(clone, "store", "gc", "--older-than", "0s", "--yes")
    assert "removed 1 artefacts, 5 kB" in said
    assert store.keys() == kept


def forget(clone):
    """Remove what a clone knows of its last runs, and of what its figures show."""
    (clone.folder / "results/.index.json").unlink()
    shutil.rmtree(clone.folder / "results/.shown")


def test_plan_and_pointers_each_keep_artefacts(built, copy_of):
    clone = copy_of(built)
    leave_one_study(clone)
    store = store_of(clone)
    pointer = clone.folder / f"results/evaluation/{STUDY}/byol/seed0.json"
    old = json.loads(pointer.read_text())["key"]
    clone.edit("workflow/recipes/learners.yaml", "c: 0.1", "c: 0.2")  # the plan names another now
    gc = ["store", "gc", "--older-than", "0s", "--yes"]
    assert "removed 0" in command(clone, *gc)
    for path in clone.folder.glob("results/*/**/*.json"):
        if not {"store", ".shown"} & set(path.parts) and path.name != "manifest.json":
            path.unlink()
    assert "removed 0" in command(clone, *gc)  # the last run planned it, and figures show it
    forget(clone)
    assert "removed 1 artefacts" in command(clone, *gc)
    assert not store.has(old)
    assert stages(store) > {"pretrain", "embed", "select"}


def test_artefacts_of_another_clone_are_kept(built, copy_of, fresh):
    clone = copy_of(built)
    for one in (clone, fresh):
        leave_one_study(one)
    store = store_of(clone)
    pointer = clone.folder / f"results/evaluation/{STUDY}/byol/seed0.json"
    key = json.loads(pointer.read_text())["key"]
    pointer.unlink()
    forget(clone)
    clone.edit("workflow/recipes/learners.yaml", "c: 0.1", "c: 0.2")
    gc = ["store", "gc", "--older-than", "0s"]
    assert key[:12] in command(clone, *gc)
    assert key[:12] not in command(clone, *gc, "--clone", fresh.folder)
    fresh.edit("workflow/recipes/learners.yaml", "c: 0.1", "c: nonsense")
    said = command(clone, *gc, "--yes", "--clone", fresh.folder, status=1)
    assert f"--clone {fresh.folder} cannot say what it needs" in said
    assert store.has(key)


def test_no_garbage_is_collected_without_all_studies(built, copy_of):
    clone = copy_of(built)
    clone.edit(f"workflow/studies/{STUDY}.yaml", "encoder: byol-digits", "encoder: byol-digit")
    said = command(clone, "store", "gc", "--yes", "--older-than", "0s", status=1)
    assert "byol-digits" in said
    assert store_of(clone).keys() == store_of(built).keys()
    said = command(clone, "store", "gc", status=1, PYTHONPATH=str(built.folder / "workflow"))
    assert "not from this clone" in said


def test_study_is_copied_with_all_its_artefacts(built, tmp_path):
    command(built, "store", "copy", "results/store", tmp_path / "there", "--study", STUDY)
    assert Store(tmp_path / "there").keys() == store_of(built).keys()
    said = command(
        built, "store", "copy", tmp_path / "there", tmp_path / "x", "--study", "byol-samplers",
        status=1,
    )  # fmt: skip
    assert "nothing was copied" in said


def test_embeddings_are_read_by_other_tools(built, tmp_path):
    """Pandas, DuckDB and Hugging Face datasets read the file of the real stage, and agree."""
    duckdb = pytest.importorskip("duckdb")
    datasets = pytest.importorskip("datasets")
    store = store_of(built)
    key = next(key for key in store.keys() if store.manifest(key)["stage"] == "embed")  # noqa: SIM118
    path = store.open(key).path("embeddings.parquet")

    table = pyarrow.parquet.read_table(path)
    expected = np.stack(table["embedding"].to_numpy(zero_copy_only=False))
    ids = table["id"].to_numpy()

    frame = pd.read_parquet(path)
    np.testing.assert_array_equal(np.stack(frame["embedding"].to_numpy()), expected)
    np.testing.assert_array_equal(frame["id"], ids)

    found = duckdb.sql(f"SELECT id, embedding FROM '{path}'").fetchnumpy()
    np.testing.assert_array_equal(np.stack(found["embedding"]), expected)
    np.testing.assert_array_equal(found["id"], ids)

    loaded = datasets.load_dataset(
        "parquet", data_files=str(path), split="train", cache_dir=str(tmp_path)
    ).with_format("numpy")
    np.testing.assert_array_equal(loaded[:]["embedding"], expected)
    np.testing.assert_array_equal(loaded[:]["id"], ids)
    assert expected.dtype == loaded[:]["embedding"].dtype == np.float32
