"""A manifest may claim any recipe key: it counts only where it follows from the recipes."""

import json
import tarfile

import pytest

from coldstart import cli
from coldstart.common.errors import ColdstartError
from coldstart.store import Identity, Store, bundle, unpack
from coldstart.store.descent import is_of_recipe, manifests_of, recipe_keys
from coldstart.store.objects import _verified


def publish(store, identity):
    with store.publishing(identity) as folder:
        (folder / "a").write_text(identity.key)
    return identity


def chain(epochs, code="c" * 64):
    images = Identity("images", {"source": "digits"}, {}, code)
    encoder = Identity("pretrain", {"epochs": epochs}, {"images": images}, code)
    return images, encoder, Identity("embed", {"batch": 2}, {"checkpoint": encoder}, code)


def claim(store, identity, recipe_key):
    """Let an artefact pass for one of another recipe, as its publisher could have."""
    manifest = store.root / "objects" / identity.key[:2] / identity.key / "manifest.json"
    content = json.loads(manifest.read_text())
    manifest.chmod(0o644)
    manifest.write_text(json.dumps({**content, "recipe_key": recipe_key}))
    index = store.root / "by-recipe" / recipe_key[:2] / recipe_key
    index.mkdir(parents=True, exist_ok=True)
    (index / identity.key).touch()
    _verified.clear()


def test_recipe_keys_are_those_of_the_identities(store):
    made = [publish(store, one) for one in chain(3)]
    expected = {one.key: one.recipe_key for one in made}
    assert recipe_keys([made[-1].key], manifests_of(store)) == expected


def test_without_an_input_no_recipe_key_is_proved(store):
    _, encoder, embeddings = (publish(store, one) for one in chain(3))
    store.discard(encoder.key)
    found = recipe_keys([embeddings.key], manifests_of(store))
    assert found[embeddings.key] is found[encoder.key] is None


@pytest.mark.parametrize("position", [1, 2])
def test_artefact_of_another_recipe_is_not_accepted(store, position):
    """Its own recipe differs, or only that of what it was made from."""
    theirs = [publish(store, one) for one in chain(9, code="d" * 64)]
    wanted = chain(3)[position]
    claim(store, theirs[position], wanted.recipe_key)
    assert theirs[position].key in store.others(wanted.recipe_key)
    assert not is_of_recipe(theirs[position].key, wanted, manifests_of(store))
    mine = [publish(store, one) for one in chain(3, code="e" * 64)]
    assert is_of_recipe(mine[position].key, wanted, manifests_of(store))


def test_artefact_that_came_without_its_inputs_is_accepted_by_its_claim(store):
    theirs = chain(3, code="d" * 64)[-1]
    publish(store, theirs)
    assert is_of_recipe(theirs.key, chain(3)[-1], manifests_of(store))
    assert not is_of_recipe(theirs.key, chain(9)[-1], manifests_of(store))


def test_artefact_without_its_inputs_is_not_accepted_with_another_recipe_of_its_own(store):
    wanted = chain(3)[-1]
    theirs = Identity("embed", {"batch": 4}, wanted.inputs, "d" * 64)
    publish(store, theirs)
    claim(store, theirs, wanted.recipe_key)
    assert not is_of_recipe(theirs.key, wanted, manifests_of(store))


def test_verify_names_a_forged_recipe_key_and_heal_removes_it(store, capsys):
    made = [publish(store, one) for one in chain(9)]
    assert cli.main(["store", "verify", "--store", str(store.root)]) == 0
    claim(store, made[-1], chain(3)[-1].recipe_key)
    assert cli.main(["store", "verify", "--store", str(store.root)]) == 1
    assert "claims another recipe key" in capsys.readouterr().out
    assert cli.main(["store", "verify", "--heal", "--store", str(store.root)]) == 0
    assert store.keys() == sorted(one.key for one in made[:-1])


def test_import_refuses_a_bundle_with_a_forged_recipe_key(store, tmp_path):
    made = [publish(store, one) for one in chain(9)]
    claim(store, made[-1], chain(3)[-1].recipe_key)
    file = tmp_path / "study.tar"
    bundle.write(file, "study", "smoke", [store.open(one.key) for one in made], {})
    other = Store(tmp_path / "other")
    with pytest.raises(ColdstartError, match=r"manifest\.json' claims another recipe key"):
        unpack.read(file, other)
    assert not (tmp_path / "other/objects").exists()


def test_import_holds_recipe_keys_against_inputs_that_are_here(store, tmp_path):
    made = [publish(store, one) for one in chain(9)]
    claim(store, made[-1], chain(3)[-1].recipe_key)
    file = tmp_path / "study.tar"
    bundle.write(file, "study", "smoke", [store.open(made[-1].key)], {})
    other = Store(tmp_path / "other")
    for one in made[:-1]:
        publish(other, one)
    with pytest.raises(ColdstartError, match="claims another recipe key"):
        unpack.read(file, other)


DEEP = json.loads("[" * 60 + "]" * 60)

BAD = {
    "deep recipe": {"recipe": {"a": DEEP}},
    "deep record": {"made": {"a": DEEP}},
    "seconds as a list": {"made": {"seconds": [1], "peak_mb": 3}},
    "seconds as text": {"made": {"seconds": "1", "peak_mb": 3}},
    "huge memory": {"made": {"seconds": 1, "peak_mb": 1e15}},
    "infinite time": {"made": {"seconds": float("inf"), "peak_mb": 3}},
    "negative time": {"made": {"seconds": -1, "peak_mb": 3}},
    "input without a key": {"inputs": {"images": {"key": "a"}}},
}


@pytest.mark.parametrize("bad", BAD)
def test_bad_manifest_is_reported_and_stops_no_command(store, identity, publish, bad, capsys):
    good, damaged = publish(identity(0)), publish(identity(1))
    manifest = store.root / "objects" / damaged.key[:2] / damaged.key / "manifest.json"
    content = json.loads(manifest.read_text())
    manifest.chmod(0o644)
    manifest.write_text(json.dumps({**content, **BAD[bad]}))
    with pytest.raises(ColdstartError, match="verify --heal"):
        store.manifest(damaged.key)
    assert [fault.key for fault in store.verify()] == [damaged.key]
    assert cli.main(["store", "list", "--store", str(store.root)]) == 0
    out, err = capsys.readouterr()
    assert good.key[:12] in out
    assert damaged.key in err
    assert not is_of_recipe(damaged.key, identity(1), manifests_of(store))
    assert cli.main(["store", "verify", "--heal", "--store", str(store.root)]) == 0
    assert store.keys() == [good.key]


def test_deeply_nested_manifest_is_refused(store, identity, publish):
    key = publish(identity()).key
    manifest = store.root / "objects" / key[:2] / key / "manifest.json"
    manifest.chmod(0o644)
    manifest.write_text('{"recipe": ' + '{"a": ' * 200_000)
    with pytest.raises(ColdstartError, match="is not valid JSON"):
        store.manifest(key)


def test_deeply_nested_bundle_is_refused(store, tmp_path):
    text = tmp_path / "bundle.json"
    text.write_text('{"format": ' + "[" * 200_000)
    with tarfile.open(tmp_path / "deep.tar", "w") as archive:
        archive.add(text, "bundle.json")
    with pytest.raises(ColdstartError, match="is not a bundle"):
        unpack.read(tmp_path / "deep.tar", store)
