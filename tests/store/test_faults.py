"""Faults of real machines: full disks, no permission, forged and malicious files in a store."""

import contextlib
import json
import os
import pickle
import re
from pathlib import Path

import numpy as np
import pytest

from coldstart.common.errors import ColdstartError
from coldstart.embeddings.tables import write_embeddings
from coldstart.store import Store, objects
from coldstart.training.checkpoint import read_tensors


def fresh(store):
    """The store as a process sees it that has not read it yet."""
    objects._verified.clear()
    return Store(store.root)


def fill(path):
    """Write to a file until there is no space left."""
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 1024)


@pytest.mark.parametrize("full", ["while writing", "while sealing"])
def test_a_full_disk_publishes_nothing_and_leaves_nothing(small_disk, identity, full):
    store = Store(small_disk / "store")
    with store.publishing(identity(0)) as folder:
        (folder / "a").write_bytes(b"small")

    def publish():
        with store.publishing(identity(1)) as folder:
            (folder / "a").write_bytes(b"small")
            if full == "while writing":
                fill(folder / "b")
            with contextlib.suppress(OSError):
                fill(small_disk / "ballast")

    with pytest.raises(ColdstartError) as error:
        publish()
    message = str(error.value)
    assert f"Cannot write to the store {store.root}" in message
    assert "No space left on device. Nothing was published. Free space there" in message
    assert "COLDSTART_STORE" in message
    assert store.keys() == [identity(0).key]
    assert store.others(identity(1).recipe_key) == []
    assert list((store.root / "tmp").iterdir()) == []
    assert fresh(store).verify() == []
    (small_disk / "ballast").unlink(missing_ok=True)
    with store.publishing(identity(1)) as folder:
        (folder / "a").write_bytes(b"small")
    assert store.open(identity(1).key)


TOO_LARGE = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
from coldstart.common.errors import ColdstartError
try:
    with Store(sys.argv[1]).publishing(identity()) as folder:
        (folder / "a").write_bytes(b"x" * 2000)
except ColdstartError as error:
    sys.exit(str(error))
"""


def test_a_limit_of_file_sizes_publishes_nothing_and_leaves_nothing(store, start):
    """A limit of file sizes acts like a full disk, and needs no root."""
    process = start(TOO_LARGE, store.root)
    message = process.communicate()[1]
    assert f"Cannot write to the store {store.root}" in message
    assert "File too large. Nothing was published" in message
    assert "Traceback" not in message
    assert store.keys() == store.verify() == []
    assert list((store.root / "tmp").iterdir()) == []


def test_read_only_store_is_reported_before_any_work(store, identity, publish, read_only):
    key = publish(identity(0)).key
    read_only(store.root)
    assert fresh(store).open(key)
    assert store.verify() == []
    for write in (store.require_writable, lambda: publish(identity(1))):
        with pytest.raises(ColdstartError) as error:
            write()
        message = str(error.value)
        assert f"Cannot write to the store {store.root}" in message
        assert "Read-only" in message or "Permission denied" in message
        assert f"put a folder of your own before it (results/store{os.pathsep}" in message
    assert store.keys() == [key]


def test_other_errors_while_publishing_are_passed_on(store, identity):
    def fail():
        with store.publishing(identity()) as folder:
            (folder / "a").write_bytes(b"")
            (folder / "no such file").read_bytes()

    with pytest.raises(FileNotFoundError):
        fail()
    assert store.keys() == []


def test_truncated_parquet_file_is_named(store, identity):
    with store.publishing(identity()) as folder:
        rows = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)
        write_embeddings(folder / "embeddings.parquet", np.arange(50), ["test"] * 50, rows)
    path = store.open(identity().key).path("embeddings.parquet")
    path.chmod(0o644)
    os.truncate(path, path.stat().st_size - 4)  # the bytes that every Parquet file ends on
    with pytest.raises(ColdstartError, match=r"embeddings\.parquet is truncated.*--heal"):
        fresh(store).open(identity().key)


def test_one_flipped_bit_is_found(store, identity, publish):
    path = store.open(publish(identity()).key).path("weights.bin")
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[500] ^= 1
    path.write_bytes(content)
    with pytest.raises(ColdstartError, match=r"weights\.bin is altered"):
        fresh(store).open(identity().key)


LIES = {
    "a size": (
        lambda m: m["files"]["weights.bin"].update(bytes=999),
        "weights.bin has grown: 1000 bytes, published with 999",
    ),
    "a digest": (
        lambda m: m["files"]["weights.bin"].update(sha256="0" * 64),
        "weights.bin is altered",
    ),
    "a file too few": (lambda m: m["files"].pop("weights.bin"), "weights.bin is not part"),
    "a file too many": (
        lambda m: m["files"].update(more={"sha256": "0" * 64, "bytes": 0}),
        "more is missing",
    ),
    "another key": (lambda m: m.update(key="0" * 64), "manifest.json is of another object"),
    "another recipe": (lambda m: m["recipe"].update(lr=0.2), "manifest.json is of another object"),
    "another recipe and its key": (
        lambda m: m.update(recipe={"lr": 0.2}, key="0" * 64),
        "manifest.json is of another object",
    ),
    "a stage": (lambda m: m.update(stage="score"), "manifest.json is of another object"),
    "no code": (lambda m: m.pop("code"), "manifest.json is not a manifest: no valid 'code'"),
}


@pytest.mark.parametrize("lie", LIES)
def test_forged_manifest_is_found(store, identity, publish, lie):
    change, said = LIES[lie]
    folder = store.open(publish(identity()).key).folder
    manifest = json.loads((folder / "manifest.json").read_bytes())
    change(manifest)
    (folder / "manifest.json").chmod(0o644)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ColdstartError, match=re.escape(said)):
        fresh(store).open(identity().key)


class Attack:
    """Makes a file when it is unpickled."""

    def __init__(self, sentinel):
        self.sentinel = sentinel

    def __reduce__(self):
        return Path.touch, (self.sentinel,)


@pytest.mark.parametrize("protocol", [0, 2, pickle.HIGHEST_PROTOCOL])
def test_a_checkpoint_that_is_code_is_not_run(store, identity, tmp_path, protocol):
    """Its publisher is malicious, so its manifest is in order."""
    sentinel = tmp_path / "executed"
    code = pickle.dumps(Attack(sentinel), protocol)
    with store.publishing(identity()) as folder:
        (folder / "model.safetensors").write_bytes(code)
    path = fresh(store).open(identity().key).path("model.safetensors")
    with pytest.raises(
        ColdstartError, match=r"model\.safetensors: cannot be read as a safetensors"
    ):
        read_tensors(path)
    assert not sentinel.exists()
    pickle.loads(code)
    assert sentinel.exists()  # the attack is one


def test_an_array_that_is_code_is_not_run(store, identity, tmp_path):
    from coldstart.data.read import read_images

    sentinel = tmp_path / "executed"
    with store.publishing(identity()) as folder:
        np.save(folder / "images.npy", np.array([Attack(sentinel)], dtype=object))
    artefact = fresh(store).open(identity().key)
    with pytest.raises(ValueError, match="Python objects"):
        read_images(artefact, np.zeros(1, dtype=np.int64))
    assert not sentinel.exists()
    np.load(artefact.path("images.npy"), allow_pickle=True)
    assert sentinel.exists()
