import io
import json
import tarfile

import pytest

from coldstart.common.errors import ColdstartError
from coldstart.store import Store, bundle, unpack


@pytest.fixture
def packed(family, tmp_path):
    """A bundle of the family without its encoder, and a drawn figure."""
    figure = tmp_path / "figure.svg"
    figure.write_text("<svg/>")
    file = tmp_path / "study.tar"
    artefacts = [family.store.open(one.key) for one in (family.images, family.metrics)]
    bundle.write(file, "study", "smoke", artefacts, {"figures/study/a.svg": figure})
    return file


@pytest.fixture
def other(tmp_path):
    return Store(tmp_path / "other/store")


def members(file):
    with tarfile.open(file) as archive:
        return [(one, archive.extractfile(one).read()) for one in archive]


def pack(file, parts):
    with tarfile.open(file, "w") as archive:
        for member, content in parts:
            archive.addfile(member, io.BytesIO(content))


def member(name, content=b"", **changes):
    made = tarfile.TarInfo(name)
    made.size = len(content)
    for key, value in changes.items():
        setattr(made, key, value)
    return made, content


def test_a_bundle_carries_its_artefacts_to_another_store(family, packed, other):
    contents, new = unpack.read(packed, other)
    assert (contents.study, contents.scale) == ("study", "smoke")
    assert sorted(new) == other.keys() == sorted([family.images.key, family.metrics.key])
    assert other.verify() == []
    for key in new:
        assert other.manifest(key) == family.store.manifest(key)
    assert other.others(family.metrics.recipe_key) == [family.metrics.key]
    assert unpack.read(packed, other)[1] == []


def test_any_tar_tool_finds_the_figures_and_the_list_first(packed):
    names = [one.name for one, _ in members(packed)]
    assert names[0] == "bundle.json"
    assert "figures/study/a.svg" in names


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (member("../outside", b"x"), r"'\.\./outside' would lie outside"),
        (member("objects/../../outside", b"x"), r"'objects/\.\./\.\./outside' would lie outside"),
        (member("/tmp/outside", b"x"), "'/tmp/outside' would lie outside"),
        (member("link", type=tarfile.SYMTYPE, linkname="/etc/passwd"), "'link' is not a plain"),
        (member("link", type=tarfile.LNKTYPE, linkname="bundle.json"), "'link' is not a plain"),
        (member("null", type=tarfile.CHRTYPE, devmajor=1, devminor=3), "'null' is not a plain"),
        (member("pipe", type=tarfile.FIFOTYPE), "'pipe' is not a plain file"),
        (member("folder", type=tarfile.DIRTYPE), "'folder' is not a plain file"),
        (member("notes.txt", b"x"), r"'notes\.txt' is not listed"),
        (member("figures/study/a.svg", b"<svg/>"), r"'figures/study/a\.svg' appears twice"),
        (member("bundle.json", b"{}"), r"'bundle\.json' appears twice"),
    ],
)
def test_unlisted_member_is_refused(packed, other, extra, said):
    pack(packed, [*members(packed), extra])
    with pytest.raises(ColdstartError, match=f"nothing was written: its member {said}"):
        unpack.read(packed, other)
    assert not other.root.exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_a_listed_member_that_is_a_link_is_refused(packed, other, kind):
    parts = members(packed)
    one = parts[-1][0]
    parts[-1] = member(one.name, type=kind, linkname="../../../../etc/passwd")
    pack(packed, parts)
    with pytest.raises(ColdstartError, match=f"{one.name}' is not a plain file"):
        unpack.read(packed, other)
    assert not other.root.exists()


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "a/../../outside"])
def test_listed_path_outside_of_the_bundle_is_refused(packed, other, name):
    edit(
        packed, lambda said: said["members"].update({name: said["members"]["figures/study/a.svg"]})
    )
    pack(packed, [*members(packed), member(name, b"<svg/>")])
    with pytest.raises(ColdstartError, match="would lie outside"):
        unpack.read(packed, other)
    assert not other.root.exists()


def edit(file, change):
    """Change what bundle.json says."""
    (first, text), *rest = members(file)
    said = json.loads(text)
    change(said)
    pack(file, [member(first.name, json.dumps(said).encode()), *rest])


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_truncated_archive_is_refused(packed, other, share):
    content = packed.read_bytes().rstrip(b"\0")
    packed.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ColdstartError, match=r"truncated|not a bundle"):
        unpack.read(packed, other)
    assert not other.root.exists()


def test_archive_that_ends_after_a_member_is_refused(packed, other):
    parts = members(packed)
    pack(packed, parts[:-1])
    with pytest.raises(ColdstartError, match=f"{parts[-1][0].name}' is missing"):
        unpack.read(packed, other)
    assert not other.root.exists()


def test_flipped_bit_in_any_member_is_refused(packed, other):
    for position, (one, content) in enumerate(members(packed)):
        if one.name == "bundle.json":
            continue
        parts = members(packed)
        parts[position] = (one, bytes([content[0] ^ 1]) + content[1:])
        file = packed.with_name("flipped.tar")
        pack(file, parts)
        with pytest.raises(ColdstartError, match=f"{one.name}' is altered"):
            unpack.read(file, other)
    assert not other.root.exists()


def foreign_digest(said):
    name = next(name for name in said["members"] if name.endswith("table.bin"))
    said["members"][name] = said["members"]["figures/study/a.svg"]


def other_key(said):
    said["keys"][0] = "0" * 64


def key_left_out(said):
    said["keys"].pop()


def no_members(said):
    said["members"] = []


def not_a_digest(said):
    said["members"]["figures/study/a.svg"]["sha256"] = "x"


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        (foreign_digest, "bytes, not the 6 listed"),
        (other_key, "manifest.json' is missing"),
        (key_left_out, "not what the artefact's own manifest says"),
        (no_members, "bundle.json is not valid"),
        (not_a_digest, "bundle.json is not valid"),
        (lambda said: said.update(format=2), "format 2, not 1"),
    ],
)
def test_forged_list_is_refused(packed, other, lie, said):
    edit(packed, lie)
    with pytest.raises(ColdstartError, match=said):
        unpack.read(packed, other)
    assert not other.root.exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda one: one["recipe"].update(learner="other"), "it was edited"),
        (lambda one: one.update(key="0" * 64), "it was edited"),
        (lambda one: one["files"].pop("table.bin"), "not what the artefact's own manifest says"),
        (lambda one: one["files"]["table.bin"].update(sha256="0" * 64), "own manifest says"),
        (
            lambda one: one["files"].update({"../x": one["files"]["table.bin"]}),
            "not the plain name",
        ),
        (lambda one: one.pop("recipe"), "is not a manifest"),
        (lambda one: one.update(recipe_key="../../x"), "lacks a valid recipe key"),
    ],
)
def test_forged_manifest_with_a_matching_list_is_refused(family, packed, other, change, said):
    name = f"objects/{family.metrics.key}/manifest.json"
    parts = members(packed)
    position = next(i for i, (one, _) in enumerate(parts) if one.name == name)
    manifest = json.loads(parts[position][1])
    change(manifest)
    text = json.dumps(manifest).encode()
    parts[position] = member(name, text)
    pack(packed, parts)
    (family.store.root / "lie").write_bytes(text)
    listed = bundle._digest_and_size(family.store.root / "lie")
    edit(packed, lambda contents: contents["members"].update({name: listed}))
    with pytest.raises(ColdstartError, match=said):
        unpack.read(packed, other)
    assert not other.root.exists()


@pytest.mark.parametrize("content", [b"", b"not an archive", b"\x1f\x8b" + b"\0" * 600])
def test_file_that_is_no_archive_is_refused(packed, other, content):
    packed.write_bytes(content)
    with pytest.raises(ColdstartError, match="not a bundle"):
        unpack.read(packed, other)


def test_failed_export_leaves_nothing(family, small_disk):
    artefact = family.store.open(family.make("pretrain", {"seed": 1}, size=2_000_000).key)
    with pytest.raises(ColdstartError, match=r"Cannot write .*study\.tar: No space left"):
        bundle.write(small_disk / "study.tar", "study", "smoke", [artefact], {})
    assert list(small_disk.iterdir()) == []


def test_full_store_is_reported_by_import(family, packed, small_disk):
    artefact = family.store.open(family.make("pretrain", {"seed": 1}, size=2_000_000).key)
    bundle.write(packed, "study", "smoke", [artefact], {})
    store = Store(small_disk / "store")
    with pytest.raises(ColdstartError, match=r"Cannot write to the store .*No space left"):
        unpack.read(packed, store)
    assert store.keys() == []
