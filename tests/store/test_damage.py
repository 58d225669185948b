"""Every kind of damage is found and named by ``open`` and ``verify``, and mended by the command."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from coldstart import cli
from coldstart.common.errors import ColdstartError
from coldstart.store import Fault, Store, manifest, objects
from coldstart.store.manifest import faults


def rewrite(path, content):
    path.chmod(0o644)
    path.write_bytes(content)


def edit(folder, **changes):
    manifest = json.loads((folder / "manifest.json").read_bytes())
    rewrite(folder / "manifest.json", json.dumps({**manifest, **changes}).encode())


def truncate(folder):
    rewrite(folder / "weights.bin", b"0123456789" * 99)


def grow(folder):
    rewrite(folder / "weights.bin", b"0123456789" * 101)


def alter(folder):
    rewrite(folder / "weights.bin", b"0123456789" * 99 + b"0123456798")


def remove(folder):
    (folder / "weights.bin").unlink()


def add(folder):
    (folder / "notes.txt").touch()


def nest(folder):
    (folder / folder.name).mkdir()


def link(folder):
    (folder / "weights.bin").rename(folder.parents[2] / "elsewhere")
    (folder / "weights.bin").symlink_to(folder.parents[2] / "elsewhere")


def copy_other(folder):
    (other,) = (f for f in folder.parents[1].glob("*/*") if f.name != folder.name)
    shutil.rmtree(folder)
    shutil.copytree(other, folder)


def edit_recipe(folder):
    edit(folder, recipe={"seed": 0, "lr": 0.2})


def edit_inputs(folder):
    edit(folder, inputs={})


def edit_code(folder):
    edit(folder, code="other")


def edit_key(folder):
    edit(folder, key="0" * 64)


def not_a_number(folder):
    edit(folder, recipe={"seed": 0, "lr": float("nan")})


def climb(folder):
    manifest = json.loads((folder / "manifest.json").read_bytes())
    edit(folder, files={**manifest["files"], "../x": manifest["files"]["config.json"]})


def absolute(folder):
    manifest = json.loads((folder / "manifest.json").read_bytes())
    edit(folder, files={**manifest["files"], "/etc/passwd": manifest["files"]["config.json"]})


def no_digest(folder):
    edit(folder, files={"weights.bin": {"bytes": 1000}, "config.json": {"bytes": 2}})


def not_json(folder):
    rewrite(folder / "manifest.json", b'{"key": ')


def not_text(folder):
    rewrite(folder / "manifest.json", b"\xff\xfe\x00")


def not_a_mapping(folder):
    rewrite(folder / "manifest.json", b"[]")


def no_files(folder):
    edit(folder, files=None)


def no_manifest(folder):
    (folder / "manifest.json").unlink()


FAULTS = [
    (truncate, "weights.bin is truncated: 990 bytes, published with 1000"),
    (grow, "weights.bin has grown: 1010 bytes, published with 1000"),
    (alter, "weights.bin is altered"),
    (remove, "weights.bin is missing"),
    (add, "notes.txt is not part of the object"),
    (nest, "[0-9a-f]{64} is not part of the object"),
    (link, "weights.bin is not a plain file"),
    (copy_other, "manifest.json is of another object: it describes [0-9a-f]{64}"),
    (edit_recipe, "manifest.json is of another object"),
    (edit_inputs, "manifest.json is of another object"),
    (edit_code, "manifest.json is of another object"),
    (edit_key, "manifest.json is of another object"),
    (not_a_number, "manifest.json has no valid recipe"),
    (climb, r"manifest.json lists '\.\./x', which is not the plain name of a file"),
    (absolute, "manifest.json lists '/etc/passwd', which is not the plain name of a file"),
    (no_digest, "manifest.json has no valid size and SHA-256 for 'weights.bin'"),
    (not_json, r"manifest.json is not valid JSON \("),
    (not_text, r"manifest.json is not valid JSON \("),
    (not_a_mapping, "manifest.json is not a manifest: not a mapping"),
    (no_files, "manifest.json is not a manifest: no valid 'files'"),
    (no_manifest, "manifest.json is missing"),
]


@pytest.fixture
def results(tmp_path, monkeypatch):
    """A working copy's ``results`` folder, with a pointer to each of two objects."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLDSTART_STORE", str(tmp_path / "store"))
    return tmp_path / "results"


def point(results, name, key):
    path = results / "embeddings" / "cifar10" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"key": key, "stage": "embed", "files": {}, "origin": "made"}))
    return path


@pytest.mark.parametrize(("damage", "said"), FAULTS, ids=[damage.__name__ for damage, _ in FAULTS])
def test_damage_is_named_and_healed(store, identity, publish, results, capsys, damage, said):
    bad, good = publish(identity(0)).key, publish(identity(1)).key
    to_bad, to_good = point(results, "bad.json", bad), point(results, "good.json", good)
    damage(store.root / "objects" / bad[:2] / bad)
    arguments = ["store", "verify", "--store", str(store.root)]

    with pytest.raises(ColdstartError) as error:
        # A process that has not read the object before: published here, it counts as verified.
        fresh(store).open(bad)
    message = str(error.value)
    assert re.search(f"Artefact {bad} in the store .*: {said}", message)
    assert "coldstart store verify --heal" in message

    faults = store.verify()
    assert {fault.key for fault in faults} == {bad}
    assert re.search(said, "\n".join(map(str, faults)))
    assert fresh(store).open(good)

    assert cli.main(arguments) == 1
    assert re.search(f"{bad}: {said}", capsys.readouterr().out)
    assert to_bad.exists()

    assert cli.main([*arguments, "--heal"]) == 0
    out = capsys.readouterr().out
    assert f"removed the artefact {bad}" in out
    assert "removed the pointer results/embeddings/cifar10/bad.json" in out
    assert not to_bad.exists()
    assert to_good.exists()
    assert store.keys() == [good]

    publish(identity(0))
    assert cli.main(arguments) == 0
    assert "2 artefacts" in capsys.readouterr().out
    assert store.open(bad)


def fresh(store):
    objects._verified.clear()
    return Store(store.root)


def test_object_of_another_store_format_is_kept(store, identity, publish):
    key = publish(identity()).key
    edit(store.root / "objects" / key[:2] / key, format=2)
    (fault,) = store.verify()
    assert not fault.damaged
    with pytest.raises(ColdstartError, match="store format 2, not 1") as error:
        fresh(store).open(key)
    assert "--heal" not in str(error.value)
    assert cli.main(["store", "verify", "--heal", "--store", str(store.root)]) == 1
    with pytest.raises(ColdstartError, match="store format 2, not 1"):
        publish(identity())
    assert store.manifest(key)["format"] == 2


def test_a_pointer_to_an_object_that_is_gone_is_removed(store, identity, publish, results):
    publish(identity(1))
    gone = point(results, "gone.json", identity(0).key)
    assert cli.main(["store", "verify", "--heal", "--store", str(store.root)]) == 0
    assert not gone.exists()


def test_only_pointers_are_removed_from_results(identity, publish, results, tmp_path):
    """Neither another store's manifests nor JSON files of other kinds are pointers."""
    inside = Store(results / "store")
    with inside.publishing(identity(2)) as folder:
        (folder / "a.json").write_text(json.dumps({"key": "0" * 64, "stage": "x", "files": {}}))
    keep = [
        ("list.json", []),
        ("plot.json", {"key": "0" * 64}),
        ("other.json", {"key": "legend", "stage": "x", "files": {}}),
    ]
    (results / "figures").mkdir()
    for name, content in keep:
        (results / "figures" / name).write_text(json.dumps(content))
    (results / "figures" / "broken.json").write_text("{")
    team = Store(results / "team")
    with team.publishing(identity(3)) as folder:
        (folder / "a").touch()
    publish(identity(1))
    assert cli.main(["store", "verify", "--heal", "--store", str(tmp_path / "store")]) == 0
    assert len(list((results / "figures").iterdir())) == 4
    assert inside.verify() == []
    assert inside.has(identity(2).key)
    assert team.has(identity(3).key)


def test_unmounted_store_removes_no_pointers(identity, results, capsys, monkeypatch):
    monkeypatch.delenv("COLDSTART_STORE")
    pointer = point(results, "a.json", identity().key)
    assert cli.main(["store", "verify", "--heal"]) == 1
    error = capsys.readouterr().err
    assert "There is no store at results/store" in error
    assert "Traceback" not in error
    assert pointer.exists()


def test_remains_of_a_killed_removal_are_swept(store, identity, publish, results, capsys):
    key = publish(identity()).key
    folder = store.root / "objects" / key[:2] / key
    folder.rename(folder.with_name(f".discarded-{0:032x}"))
    assert store.keys() == store.verify() == []
    assert cli.main(["store", "verify", "--heal", "--store", str(store.root)]) == 0
    assert list(folder.parent.iterdir()) == []


def test_object_healed_by_another_process_is_kept(
    store, identity, publish, results, capsys, monkeypatch
):
    key = publish(identity()).key
    pointer = point(results, "a.json", key)
    truncate(store.root / "objects" / key[:2] / key)
    verify = Store.verify

    def overtaken(verified):
        found = verify(verified)
        store.discard(key)
        publish(identity())
        return found

    monkeypatch.setattr(Store, "verify", overtaken)
    assert cli.main(["store", "verify", "--heal", "--store", str(store.root)]) == 0
    out = capsys.readouterr().out
    assert f"left the artefact {key}: somebody has published it anew" in out
    assert "1 artefacts" in out
    assert "0 faults" in out
    assert pointer.exists()
    assert fresh(store).open(key)


def unreadable(folder, key):
    return iter([Fault(key, "weights.bin", "cannot be read", damaged=False)])


@pytest.mark.parametrize(("look", "again"), [(faults, False), (unreadable, False), (faults, True)])
def test_replacement_of_a_damaged_object_is_put_back(
    store, identity, publish, monkeypatch, look, again
):
    """Another heals and publishes after the object was found damaged and before it is moved.

    With ``again``, a third publishes while it is away.
    """
    key = publish(identity()).key
    folder = store.root / "objects" / key[:2] / key
    truncate(folder)
    looked = []

    def overtaken(place, key):
        looked.append(place)
        if len(looked) > 1:
            if again:
                publish(identity())
            return look(place, key)
        found = list(faults(place, key))
        store.discard(key)
        publish(identity())
        return iter(found)

    for module in (objects, manifest):
        monkeypatch.setattr(module, "faults", overtaken)
    assert not store.discard_damaged(key)
    assert looked[0] == folder != looked[1]
    assert list(folder.parent.iterdir()) == [folder]
    assert list(faults(folder, key)) == []


def test_sound_object_is_kept(store, identity, publish, monkeypatch):
    key = publish(identity()).key
    monkeypatch.setattr(Path, "rename", lambda *_: pytest.fail("readers would miss it"))
    assert not store.discard_damaged(key)


def test_object_that_is_gone_is_no_error(store, identity):
    assert store.discard_damaged(identity().key)


def test_object_under_inspection_is_not_swept(store, identity, publish):
    key = publish(identity()).key
    folder = store.root / "objects" / key[:2] / key
    suspect = folder.rename(folder.with_name(f".suspect-{0:032x}"))
    assert store.sweep(older_than=3600) == 0
    for path in (*suspect.iterdir(), suspect):
        os.utime(path, (0, 0))
    assert store.sweep(older_than=3600) == 1
    assert list(folder.parent.iterdir()) == []
