"""Nothing is removed, moved or overwritten that the product cannot prove that it made."""

import json
import os
import time

import pytest

from coldstart import cli
from coldstart.common.errors import ColdstartError
from coldstart.store import Store, bundle, leftovers

OLD = time.time() - 3 * 86400
UNIQUE = f"{7:032x}"


def write(path, text="mine"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    for touched in (path, path.parent):
        os.utime(touched, (OLD, OLD))
    return path


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A clone with a store, an artefact in it, and a pointer to that."""
    (tmp_path / "clone").mkdir()
    monkeypatch.chdir(tmp_path / "clone")
    monkeypatch.delenv("COLDSTART_STORE", raising=False)
    return tmp_path / "clone"


def point(clone, name, key):
    content = {"key": key, "stage": "embed", "files": {}}
    return write(clone / "results/embeddings" / name, json.dumps(content))


def test_heal_in_a_folder_that_is_no_store_removes_nothing(tmp_path, clone, capsys):
    thesis = write(tmp_path / "d/tmp/thesis/a")
    draft = write(tmp_path / f"d/tmp/{UNIQUE}/a")
    assert cli.main(["store", "verify", "--heal", "--store", str(tmp_path / "d")]) == 1
    assert f"There is no store at {tmp_path / 'd'}" in capsys.readouterr().err
    assert thesis.exists()
    assert draft.exists()


@pytest.mark.parametrize("command", ["verify", "list", "gc"])
def test_commands_on_a_missing_store_fail(tmp_path, clone, capsys, command):
    assert cli.main(["store", command, "--store", str(tmp_path / "nowhere")]) == 1
    assert f"There is no store at {tmp_path / 'nowhere'}" in capsys.readouterr().err


def test_sweep_removes_drafts_by_name_and_age(store, identity, publish):
    publish(identity())
    abandoned = write(store.root / f"tmp/{UNIQUE}/a")
    named_otherwise = write(store.root / "tmp/thesis/a")
    aside = write(store.root / f"objects/ab/.discarded-{UNIQUE}/a")
    hidden = write(store.root / "objects/ab/.discarded-thesis/a")
    linked = store.root / f"tmp/{8:032x}"
    linked.symlink_to(write(store.root.parent / "elsewhere/a").parent)
    os.utime(linked, (OLD, OLD), follow_symlinks=False)
    assert store.sweep(older_than=3600) == 2
    assert not abandoned.exists()
    assert not aside.exists()
    assert named_otherwise.exists()
    assert hidden.exists()
    assert (linked / "a").exists()


def test_folder_with_a_tmp_of_its_own_does_not_become_a_store(tmp_path, identity):
    thesis = write(tmp_path / "scratch/tmp/thesis")
    with (
        pytest.raises(ColdstartError, match=r"cannot become a store: its folder `tmp`.*thesis"),
        Store(tmp_path / "scratch").publishing(identity()),
    ):
        pytest.fail("there is a folder to write to")
    assert sorted(tmp_path.rglob("*")) == [thesis.parents[1], thesis.parent, thesis]


def test_healing_another_store_leaves_this_clones_pointers(tmp_path, clone, identity, capsys):
    with Store(clone / "results/store").publishing(identity()) as folder:
        (folder / "a").touch()
    pointer = point(clone, "a.json", identity().key)
    with Store(tmp_path / "other").publishing(identity(1)) as folder:
        (folder / "a").touch()
    assert cli.main(["store", "verify", "--heal", "--store", str(tmp_path / "other")]) == 0
    assert "left this clone's pointers as they are" in capsys.readouterr().out
    assert pointer.exists()


def test_healing_one_of_several_stores_holds_pointers_against_all(tmp_path, clone, identity):
    own, team = Store(clone / "results/store"), Store(tmp_path / "team")
    for seed, store in enumerate((own, team)):
        with store.publishing(identity(seed)) as folder:
            (folder / "a").touch()
    (clone / "config.yaml").write_text(f"store: [results/store, {team.root}]\n")
    kept = [point(clone, f"{seed}.json", identity(seed).key) for seed in (0, 1)]
    gone = point(clone, "2.json", identity(2).key)
    assert cli.main(["store", "verify", "--heal", "--store", "results/store"]) == 0
    assert all(pointer.exists() for pointer in kept)
    assert not gone.exists()


def test_heal_sweeps_the_drafts_of_killed_jobs(clone, identity):
    with Store(clone / "results/store").publishing(identity()) as folder:
        (folder / "a").touch()
    abandoned = write(clone / f"results/.work/{UNIQUE}/images.npy")
    others = write(clone / "results/.work/notes/a")
    in_use = write(clone / f"results/.work/{8:032x}/a")
    os.utime(in_use.parent)
    assert cli.main(["store", "verify", "--heal"]) == 0
    assert not abandoned.parent.exists()
    assert others.exists()
    assert in_use.exists()


def test_draft_that_is_kept_alive_does_not_count_as_abandoned(tmp_path):
    draft = tmp_path / UNIQUE
    draft.mkdir()
    with leftovers.kept_alive(draft, every=0.01):
        os.utime(draft, (OLD, OLD))
        deadline = time.monotonic() + 10
        while draft.stat().st_mtime == OLD and time.monotonic() < deadline:
            time.sleep(0.01)
        assert draft.stat().st_mtime > OLD
    assert leftovers.sweep_drafts(tmp_path) == []
    os.utime(draft, (OLD, OLD))
    time.sleep(0.05)
    assert leftovers.sweep_drafts(tmp_path) == [draft]


def test_gc_removes_nothing_from_a_folder_that_is_no_store(tmp_path, clone, capsys):
    objects = write(tmp_path / f"d/objects/ab/{'ab' * 32}/manifest.json")
    assert cli.main(["store", "gc", "--yes", "--store", str(tmp_path / "d")]) == 1
    assert objects.exists()


def test_bundle_does_not_overwrite_another_file(tmp_path, store, identity, publish):
    artefact = store.open(publish(identity()).key)
    thesis = write(tmp_path / "thesis.tar")
    with pytest.raises(ColdstartError, match=r"thesis\.tar already exists and is not a bundle"):
        bundle.write(thesis, "study", "smoke", [artefact], {})
    assert thesis.read_text() == "mine"
    with pytest.raises(ColdstartError, match="is a folder"):
        bundle.write(tmp_path, "study", "smoke", [artefact], {})
    target = tmp_path / "study.tar"
    for _ in range(2):  # a bundle is replaced by a newer one
        assert bundle.write(target, "study", "smoke", [artefact], {}) == target.stat().st_size


@pytest.mark.parametrize(
    "content",
    [
        {"key": "0" * 64, "stage": "x", "files": {}, "notes": "mine"},
        {"key": "0" * 64, "stage": "x", "files": ["a"]},
        {"key": "0" * 64, "stage": "x", "files": {"a": "b"}},
    ],
)
def test_only_well_formed_pointers_are_removed(clone, identity, content):
    with Store(clone / "results/store").publishing(identity()) as folder:
        (folder / "a").touch()
    mine = write(clone / "results/mine.json", json.dumps(content))
    assert cli.main(["store", "verify", "--heal"]) == 0
    assert mine.exists()
