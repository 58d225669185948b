import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.datasets.arrays import Arrays
from coldstart.data.sources import arrays, digests
from coldstart.data.unclassed import UNLABELLED
from coldstart.running.places import PLACES, export_places
from coldstart.running.settings import Settings

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (7, 5, 6, 3)).astype(np.uint8)
LABELS = np.array([0, 1, 2, 1, -1, 0, 1])
UNUSED = Path("unused")


@pytest.fixture(autouse=True)
def places(monkeypatch):
    monkeypatch.setenv(PLACES, "{}")


@pytest.fixture
def save(tmp_path):
    def save(name="set.npz", compressed=False, **content):
        (np.savez_compressed if compressed else np.savez)(tmp_path / name, **content)
        return Arrays(source="arrays", path=str(tmp_path / name))

    return save


def scanned(recipe):
    return arrays.scan_arrays(recipe, UNUSED, None)


def opened(recipe, images=True):
    scan = scanned(recipe)
    export_places(scan.places)
    told = json.loads(json.dumps(scan.images_recipe() if images else scan.labels_recipe()))
    return arrays.read(told, Settings())


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("images", [IMAGES, IMAGES[..., 0], IMAGES[..., :1]])
def test_images_of_bytes_are_read_unchanged(save, images, compressed, monkeypatch):
    monkeypatch.setattr(arrays, "chunk_images", lambda size: 3)
    source = opened(save(images=images, compressed=compressed))
    chunks = list(source.parts[0].chunks())
    assert [len(chunk) for chunk in chunks] == [3, 3, 1]
    assert (np.concatenate(chunks) == images.reshape(7, 5, 6, -1)).all()
    assert source.parts[0].labels is None
    source.digest()


def test_the_plan_gets_shape_classes_and_parts(save):
    scan = scanned(save(images=IMAGES, labels=LABELS, classes=["x", "ü", "z"]))
    assert scan.shape == [5, 6, 3]
    assert scan.classes == ["x", "ü", "z"]
    assert scan.parts == {"all": [2, 3, 1]}
    assert scan.unlabelled == 1
    bare = scanned(save(images=IMAGES, labels=LABELS.astype(np.int8)))
    assert bare.classes == ["0", "1", "2"]
    without = scanned(save(images=IMAGES))
    assert (without.classes, without.parts, without.unlabelled) == ([], {"all": 7}, 7)


def test_labels_are_read(save):
    source = opened(save(images=IMAGES, labels=LABELS), images=False)
    assert source.parts[0].labels().tolist() == [0, 1, 2, 1, UNLABELLED, 0, 1]
    source.digest()


def test_digest_depends_on_the_content_of_the_arrays(save):
    first = scanned(save(images=IMAGES, labels=LABELS))
    assert scanned(save("b.npz", True, images=IMAGES, labels=LABELS)).digest == first.digest
    relabelled = scanned(save(images=IMAGES, labels=LABELS[::-1]))
    assert relabelled.images_recipe() == first.images_recipe()
    assert relabelled.labels_recipe() != first.labels_recipe()
    named = scanned(save(images=IMAGES, labels=LABELS, classes=["x", "y", "z"]))
    assert named.labels_recipe()["digest"] != first.labels_recipe()["digest"]
    assert scanned(save(images=IMAGES ^ 1)).digest != first.digest
    assert scanned(save(images=IMAGES.reshape(7, 6, 5, 3))).digest != first.digest


def test_digest_is_cached(save, tmp_path, monkeypatch):
    recipe = save(images=IMAGES)
    monkeypatch.setattr(digests, "SETTLED", 0)
    first = arrays.scan_arrays(recipe, UNUSED, tmp_path / "cache").digest
    monkeypatch.setattr(arrays, "_chunks", None)
    assert arrays.scan_arrays(recipe, UNUSED, tmp_path / "cache").digest == first


def test_a_file_that_changed_since_the_plan_is_refused(save):
    recipe = save(images=IMAGES, labels=LABELS)
    images, labels = opened(recipe), scanned(recipe).labels_recipe()
    save(images=IMAGES ^ 1, labels=LABELS % 2)
    with pytest.raises(ColdstartError, match="not those that were planned with"):
        images.digest()
    with pytest.raises(ColdstartError, match="not those that were planned with"):
        arrays.read(labels, Settings())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"images": IMAGES.astype(complex)}, r"are complex128: save whole numbers"),
        ({"images": IMAGES.astype(str)}, r"are <U3: save whole numbers"),
        ({"images": IMAGES, "labels": LABELS, "classes": ["a", "b\x07", "c"]}, r"U\+0007"),
        ({"images": IMAGES.transpose(0, 3, 1, 2).copy()}, r"channels first.*transpose\(0, 2, 3, 1"),
        ({"images": IMAGES[..., :2]}, r"\[7, 5, 6, 2\], not \[n, height"),
        ({"images": IMAGES[0, 0]}, r"\[6, 3\], not \[n, height"),
        ({"images": IMAGES[:0]}, r"\[0, 5, 6, 3\], not \[n, height"),
        ({"images": np.asfortranarray(IMAGES)}, "column by column"),
        ({"x": IMAGES}, "has no array `images`"),
        ({"images": np.array([{}, 3], object)}, "Python objects"),
        ({"images": IMAGES, "labels": LABELS[:3]}, r"int64 \[3\], not whole numbers \[7\]"),
        ({"images": IMAGES, "labels": LABELS * 1.0}, r"float64 \[7\], not whole numbers"),
        ({"images": IMAGES, "labels": LABELS.astype(str)}, r"np\.unique"),
        ({"images": IMAGES, "labels": LABELS - 1}, "from -2 to 1"),
        ({"images": IMAGES, "labels": LABELS, "classes": ["a", "b"]}, r"to 2, but there are 2"),
        ({"images": IMAGES, "labels": LABELS, "classes": ["a", "b", "a"]}, "of its own"),
        ({"images": IMAGES, "labels": LABELS * 0}, r"\['0'\]: at least two"),
        (
            {"images": IMAGES, "labels": LABELS, "classes": np.array(["a", "b", "c"], object)},
            "`classes` in .* Python objects",
        ),
    ],
)
def test_arrays_that_are_no_plain_numbers_are_refused(save, content, message):
    with pytest.raises(ColdstartError, match=message):
        scanned(save(**content))


def test_missing_file_is_refused():
    with pytest.raises(ColdstartError, match=r"no file nowhere/set\.npz.*\n.*data_dir"):
        arrays.scan_arrays(Arrays(source="arrays", path="set.npz"), Path("nowhere"), None)


def test_file_that_is_no_archive_is_refused(save):
    recipe = save(images=IMAGES)
    Path(recipe.path).write_bytes(b"no archive")
    with pytest.raises(ColdstartError, match=r"damaged, or no \.npz file"):
        scanned(recipe)


@pytest.mark.parametrize("compressed", [False, True])
def test_damaged_array_is_refused(save, compressed):
    recipe = save(images=IMAGES, compressed=compressed)
    data = bytearray(Path(recipe.path).read_bytes())
    data[len(data) // 2] ^= 255
    Path(recipe.path).write_bytes(data)
    with pytest.raises(ColdstartError, match=r"set\.npz is damaged"):
        scanned(recipe)


def header_of(shape, dtype="|u1"):
    file = io.BytesIO()
    header = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue()


@pytest.mark.parametrize(
    "shape", [(-4, 8, 8, 3), (4, -8, -8, 3), (10**12, 8, 8, 3), (2**62, 8, 8, 3)]
)
@pytest.mark.parametrize("suffix", [".npz", ".npy"])
def test_an_absurd_shape_is_refused(tmp_path, shape, suffix):
    data, path = header_of(shape) + bytes(768), tmp_path / f"set{suffix}"
    if suffix == ".npy":
        path.write_bytes(data)
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("images.npy", data)
    with pytest.raises(ColdstartError, match=rf"set\{suffix} is damaged: `images` says"):
        scanned(Arrays(source="arrays", path=str(path)))


@pytest.mark.parametrize("dtype", ["<u2", ">u2", "<i4", "<f4", "<f8", "<f2"])
def test_numbers_of_other_types_are_scaled_to_bytes(tmp_path, dtype):
    levels = np.linspace(100, 400, 7 * 30, dtype=dtype).reshape(7, 5, 6)
    np.save(tmp_path / "set.npy", levels)
    recipe = Arrays(source="arrays", path=str(tmp_path / "set.npy"))
    source = opened(recipe)
    found = np.concatenate(list(source.parts[0].chunks()))
    assert (found.min(), found.max()) == (0, 255)
    assert source.notes()["wide"] == 7
    assert source.digest() == scanned(recipe).digest
    given = opened(recipe.model_copy(update={"levels": [0.0, 800.0]}))
    found = np.concatenate(list(given.parts[0].chunks()))[..., 0]
    np.testing.assert_allclose(found, levels.astype(float) * 255 / 800, atol=0.51)


def test_booleans_become_black_and_white(save):
    found = np.concatenate(list(opened(save(images=IMAGES > 99)).parts[0].chunks()))
    assert (found == 255 * (IMAGES > 99)).all()


def test_a_npy_file_has_images_and_no_labels(tmp_path):
    np.save(tmp_path / "set.npy", IMAGES)
    recipe = Arrays(source="arrays", path=str(tmp_path / "set.npy"))
    scan = scanned(recipe)
    assert (scan.shape, scan.count, scan.labels) == ([5, 6, 3], 7, None)
    assert (np.concatenate(list(opened(recipe).parts[0].chunks())) == IMAGES).all()


def test_truncated_array_is_refused(save, tmp_path):
    recipe = save(images=IMAGES)
    with zipfile.ZipFile(recipe.path) as archive:
        whole = archive.read("images.npy")
    with zipfile.ZipFile(recipe.path, "w") as archive:
        archive.writestr("images.npy", whole[:-10])
    with pytest.raises(ColdstartError, match="end too early"):
        scanned(recipe)
