"""A user's own store over the team's, which is only read."""

import logging
import os
from pathlib import Path

import pytest

from coldstart.common.errors import ColdstartError
from coldstart.store import LayeredStore, Store, heal, heal_pointers, objects


@pytest.fixture
def team(tmp_path):
    return Store(tmp_path / "team")


@pytest.fixture
def layered(tmp_path, team):
    team.root.mkdir()
    return LayeredStore(tmp_path / "own", team.root)


def put(store, which, content=b"sound"):
    with store.publishing(which) as folder:
        (folder / "a").write_bytes(content)
    objects._verified.clear()  # as in a process that has not read it
    return which.key


def flip(store, key):
    """Change one bit."""
    path = store.root / "objects" / key[:2] / key / "a"
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[2] ^= 4
    path.write_bytes(content)


def everything(root):
    paths = sorted(Path(root).rglob("*"))
    return [(path, path.lstat().st_mtime_ns, path.lstat().st_mode) for path in paths]


def test_artefact_of_the_team_store_is_read(layered, team, identity):
    key = put(team, identity())
    assert layered.has(key)
    assert layered.open(key).path("a").read_bytes() == b"sound"
    assert layered.manifest(key)["stage"] == "embed"
    assert layered.others(identity().recipe_key) == [key]
    assert not layered.root.exists()


def test_first_store_has_precedence(layered, team, identity):
    key = put(team, identity(), b"team's")
    put(Store(layered.root), identity(), b"own")
    assert layered.open(key).path("a").read_bytes() == b"own"


def test_artefacts_are_published_to_the_own_store(layered, team, identity, read_only):
    before = everything(team.root)
    read_only(team.root)
    layered.require_writable()
    key = put(layered, identity())
    assert Store(layered.root).keys() == [key]
    assert layered.open(key)
    assert everything(team.root) == before
    assert list((layered.root / "tmp").iterdir()) == []


def test_a_later_store_is_searched_too(tmp_path, layered, team, identity):
    third = Store(tmp_path / "third")
    key = put(third, identity())
    assert LayeredStore(layered.root, team.root, third.root).open(key)


def test_artefacts_of_other_code_are_found_in_all_stores(layered, team, identity):
    old, new, mine = identity(code="old"), identity(code="new"), identity(code="mine")
    for place, which in enumerate((old, new)):
        put(team, which)
        index = team.root / "by-recipe" / which.recipe_key[:2] / which.recipe_key / which.key
        os.utime(index, (place, place))
    put(Store(layered.root), mine)
    put(Store(layered.root), old)
    assert set(layered.others(old.recipe_key)[:2]) == {mine.key, old.key}
    assert layered.others(old.recipe_key)[2:] == [new.key]


def test_damaged_object_of_the_team_is_reported_with_store_and_remedy(layered, team, identity):
    key = put(team, identity())
    flip(team, key)
    with pytest.raises(ColdstartError) as error:
        layered.open(key)
    message = str(error.value)
    assert f"Artefact {key} in the store {team.root}: a is altered" in message
    assert f"Ask its owner to run `coldstart store verify --heal --store {team.root}`" in message
    assert "drop this store from your list" in message
    assert "COLDSTART_STORE" in message


@pytest.mark.parametrize("damaged", ["own", "team"])
def test_sound_copy_in_a_later_store_is_used_with_a_message(
    layered, team, identity, caplog, damaged
):
    own, third = Store(layered.root), Store(layered.root.parent / "third")
    first = own if damaged == "own" else team
    key = put(first, identity())
    put(third, identity())
    flip(first, key)
    stores = LayeredStore(layered.root, team.root, third.root)
    with caplog.at_level(logging.WARNING, "coldstart"):
        assert stores.open(key).folder.is_relative_to(third.root)
    (record,) = caplog.records
    message = record.getMessage()
    assert f"in the store {first.root}: a is altered" in message
    assert f"the copy in {third.root} is used" in message
    assert ("Ask its owner" in message) == (damaged == "team")


def test_sound_own_copy_is_preferred_to_a_damaged_one_of_the_team(layered, team, identity, caplog):
    key = put(team, identity())
    flip(team, key)
    put(Store(layered.root), identity())
    assert layered.open(key).folder.is_relative_to(layered.root)
    assert not caplog.records


def test_unreadable_manifest_is_skipped(layered, team, identity):
    key = put(team, identity())
    put(Store(layered.root), identity())
    path = layered.root / "objects" / key[:2] / key / "manifest.json"
    path.chmod(0o644)
    path.write_text("{")
    assert layered.manifest(key)["key"] == key


def test_missing_artefact_is_reported_with_all_stores(layered, team, identity):
    with pytest.raises(ColdstartError) as error:
        layered.open(identity().key)
    assert f"is not in any of the stores {layered.root}, {team.root}." in str(error.value)
    with pytest.raises(ColdstartError, match=r"is not in the store .*own\."):
        LayeredStore(layered.root).open(identity().key)


def test_unmounted_store_is_an_error_and_not_an_empty_store(tmp_path):
    with pytest.raises(ColdstartError, match=r"no store at .*share.*mount it.*COLDSTART_STORE"):
        LayeredStore(tmp_path / "own", tmp_path / "share")


def test_only_own_objects_are_listed_verified_and_healed(layered, team, identity, tmp_path):
    theirs = put(team, identity(0))
    mine = put(Store(layered.root), identity(1))
    flip(team, theirs)
    flip(layered, mine)
    assert layered.keys() == [mine]
    faults = layered.verify()
    assert [fault.key for fault in faults] == [mine]
    pointer = tmp_path / "results" / "a.json"
    pointer.parent.mkdir()
    pointer.write_text(f'{{"key": "{theirs}", "stage": "embed", "files": {{}}}}')
    assert heal(layered, faults).discarded == [mine]
    assert heal_pointers(layered, tmp_path / "results") == []
    assert team.keys() == [theirs]
    assert layered.keys() == []


def test_store_that_is_a_file_is_reported(tmp_path):
    (tmp_path / "a").touch()
    for folders in ((tmp_path / "a",), (tmp_path / "own", tmp_path / "a")):
        with pytest.raises(ColdstartError, match="a is a file: name a folder"):
            LayeredStore(*folders)
