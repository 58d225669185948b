import os
import stat
import sys
from types import SimpleNamespace

import pytest

from coldstart.common.errors import ColdstartError
from coldstart.store import Identity, Store, manifest, objects
from coldstart.store.manifest import faults


def test_published_artefact_can_be_opened(store, identity, publish):
    key = publish(identity()).key
    artefact = Store(store.root).open(key)
    assert artefact.path("weights.bin").read_bytes() == b"0123456789" * 100
    assert artefact.folder == store.root / "objects" / key[:2] / key
    assert store.has(key)
    assert store.keys() == [key]
    assert store.verify() == []
    with pytest.raises(
        ColdstartError, match=r"has no file 'other'; it has config.json, weights.bin"
    ):
        artefact.path("other")


def test_manifest_has_recipe_and_provenance(store, identity):
    which = identity()
    with store.publishing(which, {"epochs_resumed": 3}) as folder:
        (folder / "a").write_bytes(b"abc")
    manifest = store.manifest(which.key)
    assert manifest["key"] == which.key
    assert manifest["recipe_key"] == which.recipe_key
    assert manifest["stage"] == "embed"
    assert manifest["recipe"] == {"seed": 0, "lr": 0.1}
    assert manifest["code"] == which.code
    assert manifest["inputs"] == {"images": which.inputs["images"].key}
    sha_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert manifest["files"] == {"a": {"sha256": sha_abc, "bytes": 3}}
    made = manifest["made"]
    assert made.keys() >= {"by", "at", "host", "seconds", "python", "packages", "cuda", "gpu"}
    assert made["epochs_resumed"] == 3
    assert made["packages"]["numpy"]


def test_gpu_is_recorded_where_one_was_used(store, identity, monkeypatch):
    cuda = SimpleNamespace(is_initialized=lambda: True, get_device_name=lambda: "H100")
    torch = SimpleNamespace(cuda=cuda, version=SimpleNamespace(cuda="12.8"))
    monkeypatch.setitem(sys.modules, "torch", torch)
    with store.publishing(identity()) as folder:
        (folder / "a").touch()
    made = store.manifest(identity().key)["made"]
    assert (made["cuda"], made["gpu"]) == ("12.8", "H100")


def test_missing_store_is_empty_and_is_not_created_by_reading(store, identity):
    which = identity()
    assert not store.has(which.key)
    assert store.keys() == store.others(which.recipe_key) == store.verify() == []
    with pytest.raises(ColdstartError, match=f"{which.key} is not in the store .*--heal"):
        store.open(which.key)
    assert not store.root.exists()


def test_error_while_publishing_publishes_nothing(store, identity):
    def fail():
        with store.publishing(identity()) as folder:
            (folder / "a").write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert store.keys() == []
    assert list((store.root / "tmp").iterdir()) == []


@pytest.mark.parametrize("leave", ["nothing", "folder", "link", "manifest"])
def test_an_artefact_is_plain_files(store, identity, leave):
    def fail():
        with store.publishing(identity()) as folder:
            if leave == "folder":
                (folder / "part").mkdir()
            elif leave == "link":
                (folder / "a").symlink_to("/etc/passwd")
            elif leave == "manifest":
                (folder / "manifest.json").write_text("{}")

    with pytest.raises(ValueError, match="file"):
        fail()
    assert store.keys() == []
    assert list((store.root / "tmp").iterdir()) == []


def test_first_of_two_publishers_wins(store, identity):
    which = identity()
    with store.publishing(which) as late:
        (late / "a").write_bytes(b"late")
        with Store(store.root).publishing(which) as early:
            (early / "a").write_bytes(b"early")
    assert store.open(which.key).path("a").read_bytes() == b"early"
    assert sorted(os.listdir(store.open(which.key).folder)) == ["a", "manifest.json"]
    assert list((store.root / "tmp").iterdir()) == []


@pytest.mark.parametrize("fault", ["altered", "no manifest", "empty"])
def test_a_sound_copy_takes_the_place_of_a_damaged_one(store, identity, publish, fault):
    folder = store.open(publish(identity()).key).folder
    if fault == "altered":
        _overwrite(folder / "weights.bin", b"x" * 1000)
    else:
        (folder / "manifest.json").unlink()
        if fault == "empty":
            (folder / "weights.bin").unlink()
            (folder / "config.json").unlink()
    publish(identity())
    assert store.open(identity().key).path("weights.bin").read_bytes() == b"0123456789" * 100
    assert store.verify() == []


@pytest.mark.parametrize("looks", [1, 2, 3])
def test_first_replacement_of_a_damaged_object_wins(store, identity, publish, monkeypatch, looks):
    """Another process publishes between a check of the late one and its next step."""
    which = identity()
    folder = store.open(publish(which).key).folder
    _overwrite(folder / "weights.bin", b"x" * 1000)
    looked = []

    def overtaken(place, key):
        found = list(faults(place, key))
        looked.append(place)
        if len(looked) == looks:
            with Store(store.root).publishing(which) as early:
                (early / "a").write_bytes(b"early")
        return iter(found)

    for module in (objects, manifest):
        monkeypatch.setattr(module, "faults", overtaken)
    with store.publishing(which) as late:
        (late / "a").write_bytes(b"late")
    assert (folder / "a").read_bytes() == b"early"
    assert list(folder.parent.iterdir()) == [folder]
    assert list((store.root / "tmp").iterdir()) == []


def test_opening_reads_an_object_once_in_a_process(store, identity, start):
    # In another process, because publishing counts as having read it.
    which = identity()
    with store.publishing(which) as folder:
        (folder / "a").write_bytes(b"first")
    code = """
import sys, pathlib
from coldstart.common.errors import ColdstartError
root, key = sys.argv[1:]
path = Store(root).open(key).path("a")
path.chmod(0o644)
path.write_bytes(b"other")
print(Store(root).open(key).path("a").read_bytes())
"""
    assert start(code, store.root, which.key).communicate()[0] == "b'other'\n"
    code = "import sys; Store(sys.argv[1]).open(sys.argv[2])"
    altered = start(code, store.root, which.key)
    altered.communicate()
    assert altered.returncode == 1


def test_others_finds_artefacts_that_other_code_made(store, identity, publish):
    old, new, other = identity(code="old"), identity(code="new"), identity(seed=1)
    for place, which in enumerate((old, new, other)):
        publish(which)
        index = store.root / "by-recipe" / which.recipe_key[:2] / which.recipe_key / which.key
        os.utime(index, (place, place))
    assert store.others(old.recipe_key) == [new.key, old.key]
    assert store.others(other.recipe_key) == [other.key]
    store.discard(new.key)
    assert store.others(old.recipe_key) == [old.key]


def test_index_entry_without_an_object_is_skipped(store, identity):
    which = identity()

    def fail():
        with store.publishing(which) as folder:
            (folder / "a").touch()
            place = store.root / "objects" / which.key[:2]
            place.parent.mkdir()
            place.touch()  # a file where a folder has to be

    with pytest.raises(ColdstartError, match="Cannot write to the store"):
        fail()
    assert store.others(which.recipe_key) == []


@pytest.mark.parametrize("umask", [0o000, 0o002, 0o022, 0o077])
def test_files_are_read_only_and_nothing_is_writable_for_all(store, identity, umask):
    before = os.umask(umask)
    try:
        with store.publishing(identity()) as folder:
            (folder / "a").touch(mode=0o600)
            (folder / "b").touch(mode=0o777)
    finally:
        os.umask(before)
    everything = [store.root, *store.root.rglob("*")]
    assert not any(path.stat().st_mode & stat.S_IWOTH for path in everything)
    artefact = store.open(identity().key)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in artefact.folder.iterdir()}
    assert modes == {0o444 & ~umask}
    if os.geteuid() != 0:
        with pytest.raises(PermissionError):
            artefact.path("a").open("ab")


@pytest.mark.parametrize(("umask", "expected"), [(0o002, 0o2775), (0o022, 0o2775), (0o077, 0o2770)])
def test_a_group_keeps_its_rights_whatever_the_umask(store, identity, umask, expected):
    store.root.mkdir()
    store.root.chmod(0o2775)
    before = os.umask(umask)
    try:
        with store.publishing(identity()) as folder:
            (folder / "a").touch()
    finally:
        os.umask(before)
    folders = [path for path in store.root.rglob("*") if path.is_dir()]
    assert folders
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {expected}
    files = [path for path in (store.root / "objects").rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {expected & 0o444}


def test_a_store_that_cannot_be_made_is_a_clear_error(tmp_path, identity):
    (tmp_path / "file").touch()
    store = Store(tmp_path / "file" / "store")
    assert not store.has(identity().key)
    with (
        pytest.raises(
            ColdstartError, match=r"Cannot write to the store .*file/store.*COLDSTART_STORE"
        ),
        store.publishing(identity()),
    ):
        pytest.fail("the block ran")


@pytest.mark.parametrize("key", ["../../x", "", "ABC", "0" * 63, "0" * 64 + "\n"])
def test_malformed_key_is_refused(store, key):
    for use in (store.has, store.open, store.discard, store.manifest):
        with pytest.raises(ColdstartError, match="not the key of an artefact"):
            use(key)


def test_the_key_of_a_stored_description_is_stable(store):
    """Numbers come back from a manifest with the type and value that they had."""
    recipe = {"a": 1, "b": 1.0, "c": 1e-300, "d": 0.1 + 0.2, "e": 2**70, "f": "é\u2028", "g": -0.0}
    which = Identity("images", recipe, {}, "")
    with store.publishing(which) as folder:
        (folder / "a").touch()
    assert store.verify() == []
    assert repr(sorted(store.manifest(which.key)["recipe"].items())) == repr(sorted(recipe.items()))


def _overwrite(path, content):
    path.chmod(0o644)
    path.write_bytes(content)
