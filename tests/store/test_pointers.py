"""Pointers, the index of what they stood for, and the record of what is shown."""

import json

import pytest

from coldstart import cli
from coldstart.cli.plans import roots
from coldstart.store import Store
from coldstart.store.pointers import indexed, record_shown, settle, shown_keys


@pytest.fixture
def clone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLDSTART_STORE", raising=False)
    return tmp_path


@pytest.fixture
def results(clone):
    """The clone's folder of results, as it is named from there."""
    return (clone / "results").relative_to(clone)


def point(path, key):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"key": key, "stage": "embed", "files": {}}))
    return path


OLD, NEW = "a" * 64, "b" * 64


def test_pointer_of_a_run_with_other_settings_is_removed(results):
    stale, right, unmade = (point(results / f"{name}.json", OLD) for name in "abc")
    planned = {str(stale): NEW, str(right): OLD, str(unmade): "c" * 64, "results/d.json": NEW}
    assert settle(results, planned, {OLD, NEW}.__contains__) == [stale]
    assert not stale.exists()
    assert right.exists()
    assert unmade.exists()  # Snakemake makes this one anew
    assert indexed(results) == planned
    settle(results, {str(stale): OLD}, {OLD}.__contains__)
    assert indexed(results) == planned | {str(stale): OLD}


def test_no_other_file_is_removed(results):
    results.mkdir()
    mine = results / "mine.json"
    mine.write_text('{"key": "mine"}')
    assert settle(results, {str(mine): NEW}, lambda key: True) == []
    assert mine.exists()


@pytest.mark.parametrize("text", ["", "{", "[1]", "[" * 100_000, '{"a": 1}', "\ufeff{}"])
def test_damaged_index_counts_as_none(results, text):
    results.mkdir()
    (results / ".index.json").write_text(text)
    assert indexed(results) == {}
    settle(results, {"results/a.json": NEW}, lambda key: False)
    assert indexed(results) == {"results/a.json": NEW}


def test_shown_counts_while_its_file_is_there(results):
    figure = results / "figures/study/curve.svg"
    figure.parent.mkdir(parents=True)
    figure.touch()
    record_shown(results, figure, [NEW, OLD])
    record_shown(results, results / "own/labels.csv", ["c" * 64])
    (results / ".shown/broken.json").write_text("{")
    assert shown_keys(results) == {OLD, NEW}


def test_path_of_a_removed_pointer_still_names_its_artefact(results, identity, capsys):
    with Store(results / "store").publishing(identity()) as folder:
        (folder / "a").touch()
    path = results / "embeddings/own/frozen.json"
    assert cli.main(["store", "show", str(path)]) == 1
    assert "neither a pointer file nor the path of one that a run has planned" in (
        capsys.readouterr().err
    )
    settle(results, {str(path): identity().key}, lambda key: True)
    assert not path.exists()
    path.parent.mkdir(parents=True)
    path.touch()  # a pointer that a full disk has emptied
    for named in (str(path), f"./results/../{path}"):
        assert cli.main(["store", "show", named]) == 0
        assert f"key     {identity().key}" in capsys.readouterr().out


def test_roots_are_the_last_plan_and_the_shown_artefacts(results, monkeypatch):
    monkeypatch.setattr("coldstart.cli.plans.reach", set)
    point(results / "a.json", OLD)
    settle(results, {"results/b.json": NEW}, lambda key: True)
    (results / "own").mkdir()
    (results / "own/labels.csv").touch()
    record_shown(results, results / "own/labels.csv", ["c" * 64])
    assert roots() == {OLD, NEW, "c" * 64}
