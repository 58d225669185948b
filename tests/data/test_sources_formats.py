"""Readers of published formats, on small files written as the publishers write theirs."""

import gzip
import hashlib
import io
import pickle
import struct
import zipfile

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from coldstart.common.errors import ColdstartError
from coldstart.data.published import File, PublishedSet
from coldstart.data.source import reader
from coldstart.data.sources import cifar100, mat, svhn, tiny_imagenet
from coldstart.running.settings import Settings

OWN = "sha256:"
"""The digest of an own edition, here never asked for."""


def read(source, folder, parts, digest=OWN, **recipe):
    """Pixels and labels of each part, as a reader gives them."""
    recipe = {"source": source, "digest": digest, "parts": dict.fromkeys(parts, 1), **recipe}
    opened = reader(source).read(recipe, Settings(data_dir=folder))
    found = {}
    for part in opened.parts:
        pixels = np.concatenate(list(part.chunks()))
        assert len(pixels) == part.count
        found[part.name] = pixels, None if part.labels is None else part.labels().tolist()
    return found


def images(count, height, width, channels, seed=0):
    return np.random.default_rng(seed).integers(
        0, 256, (count, height, width, channels), dtype=np.uint8
    )


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return hashlib.md5(content).hexdigest()


def test_stl10_is_read_by_columns_with_labels_from_one(tmp_path):
    train, test, unlabeled = images(2, 96, 96, 3), images(1, 96, 96, 3, 1), images(3, 96, 96, 3, 2)
    folder = tmp_path / "stl10_binary"
    for name, pixels in (("train", train), ("test", test), ("unlabeled", unlabeled)):
        stored = bytearray()
        for image in pixels:
            for channel in range(3):
                for column in range(96):
                    stored += image[:, column, channel].tobytes()
        write(folder / f"{name}_X.bin", stored)
    write(folder / "train_y.bin", bytes([10, 1]))
    write(folder / "test_y.bin", bytes([3]))
    found = read("stl10", tmp_path, ["train", "test", "unlabeled"])
    assert list(found) == ["unlabeled", "train", "test"]
    for name, pixels in (("train", train), ("test", test), ("unlabeled", unlabeled)):
        np.testing.assert_array_equal(found[name][0], pixels)
    assert [labels for _, labels in found.values()] == [None, [9, 0], [2]]
    assert list(read("stl10", tmp_path, ["test"])) == ["test"]


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("kind", [np.uint8, np.float64])
def test_svhn_is_read_from_the_last_axis_with_ten_as_zero(tmp_path, compressed, kind):
    pixels = images(7, 32, 32, 3)
    labels = np.array([[1], [10], [9], [10], [2], [3], [4]], kind)
    file = tmp_path / "svhn" / "test_32x32.mat"
    file.parent.mkdir()
    content = {"X": pixels.transpose(1, 2, 3, 0), "y": labels}
    savemat(file, content, do_compression=compressed)
    found = read("svhn", tmp_path, ["test"])
    np.testing.assert_array_equal(found["test"][0], pixels)
    assert found["test"][1] == [1, 0, 9, 0, 2, 3, 4]


@pytest.mark.parametrize("compressed", [True, False])
def test_array_behind_others_in_a_mat_file_is_read_in_chunks(tmp_path, compressed):
    file = tmp_path / "some.mat"
    wanted = np.arange(5000, dtype=np.uint8).reshape(10, 20, 25)
    others = {"y": np.arange(9.0), "ab": np.zeros(3, np.uint8)}
    savemat(file, {**others, "wanted": wanted}, do_compression=compressed)
    assert mat.shape(file, "wanted") == (10, 20, 25)
    pieces = list(mat.pieces(file, "wanted", 300))
    assert {len(piece) for piece in pieces[:-1]} == {300}
    assert b"".join(pieces) == wanted.tobytes(order="F")
    with pytest.raises(ColdstartError, match="`z`"):
        mat.shape(file, "z")
    with pytest.raises(ColdstartError, match="no array of bytes"):
        list(mat.pieces(file, "y", 300))


def test_truncated_mat_file_is_refused(tmp_path):
    file = tmp_path / svhn.SET.parts["train"][0].path
    content = io.BytesIO()
    pixels = images(9, 32, 32, 3).transpose(1, 2, 3, 0)
    savemat(content, {"X": pixels, "y": np.ones((9, 1), np.uint8)})
    write(file, content.getvalue()[:9000])
    with pytest.raises(ColdstartError, match="incomplete"):
        read("svhn", tmp_path, ["train"])


def idx(array, packed):
    shape = struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape)
    content = shape + array.tobytes()
    return gzip.compress(content) if packed else content


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize(
    ("source", "folder"),
    [("mnist", "MNIST"), ("fashion-mnist", "FashionMNIST"), ("kmnist", "KMNIST")],
)
def test_idx_files_are_read_compressed_or_not(tmp_path, source, folder, packed):
    made = {}
    for part, name, count in (("train", "train", 5), ("test", "t10k", 2)):
        pixels = images(count, 28, 28, 1, count)
        labels = np.arange(count, dtype=np.uint8) % 3
        made[part] = pixels, labels.tolist()
        suffix = ".gz" if packed else ""
        raw = tmp_path / folder / "raw"
        write(raw / f"{name}-images-idx3-ubyte{suffix}", idx(pixels[..., 0], packed))
        write(raw / f"{name}-labels-idx1-ubyte{suffix}", idx(labels, packed))
    found = read(source, tmp_path, ["train", "test"])
    assert list(found) == ["train", "test"]
    for part, (pixels, labels) in made.items():
        np.testing.assert_array_equal(found[part][0], pixels)
        assert found[part][1] == labels


def test_a_file_that_is_no_idx_is_refused(tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    write(raw / "train-images-idx3-ubyte", idx(np.zeros(90, np.uint8), packed=False))
    write(raw / "train-labels-idx1-ubyte", idx(np.zeros(90, np.uint8), packed=False))
    with pytest.raises(ColdstartError, match="no IDX file of bytes with 3 axes"):
        read("mnist", tmp_path, ["train"])


@pytest.fixture
def small_cifar100(tmp_path, monkeypatch):
    """CIFAR-100 with five images, and the checksums of these."""
    pixels, files = {}, {}
    for part, count in (("train", 3), ("test", 2)):
        pixels[part] = images(count, 32, 32, 3, count)
        batch = {
            "data": pixels[part].transpose(0, 3, 1, 2).reshape(count, -1),
            "fine_labels": list(range(count)),
            "coarse_labels": [7] * count,
        }
        md5 = write(tmp_path / "cifar-100-python" / part, pickle.dumps(batch, protocol=2))
        files[part] = [File(f"cifar-100-python/{part}", md5)]
    small = PublishedSet("CIFAR-100", "page", files, File("archive", "0" * 32, "url"))
    monkeypatch.setattr(cifar100, "SET", small)
    monkeypatch.setattr(cifar100, "SIZES", {"train": 3, "test": 2})
    return pixels, small.digest


@pytest.mark.parametrize(
    ("which", "labels"), [("fine", [[0, 1, 2], [0, 1]]), ("coarse", [[7, 7, 7], [7, 7]])]
)
def test_cifar100_has_fine_and_coarse_labels(tmp_path, small_cifar100, which, labels):
    pixels, digest = small_cifar100
    found = read("cifar100", tmp_path, ["train", "test"], digest, labels=which)
    for part in ("train", "test"):
        np.testing.assert_array_equal(found[part][0], pixels[part])
    assert [of_part for _, of_part in found.values()] == labels


def test_a_pickle_that_is_not_the_published_one_is_never_opened(tmp_path, small_cifar100):
    _, digest = small_cifar100

    class Trap:
        def __reduce__(self):
            return (tmp_path / "sprung").touch, ()

    write(tmp_path / "cifar-100-python" / "test", pickle.dumps(Trap()))
    with pytest.raises(ColdstartError, match="MD5"):
        read("cifar100", tmp_path, ["test"], digest, labels="fine")
    with pytest.raises(ColdstartError, match="only as published"):
        read("cifar100", tmp_path, ["test"], OWN, labels="fine")
    assert not (tmp_path / "sprung").exists()


def jpeg(pixels):
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "JPEG", quality=95)
    return content.getvalue()


def decoded(content):
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


@pytest.fixture
def tiny():
    """The files of a Tiny ImageNet with two classes, and the pixels that come of them."""
    files = {"wnids.txt": b"n02\nn01\n", "words.txt": b"n01\tgoldfish\nn02\treel\n"}
    train = []
    for wnid in ("n02", "n01"):
        for number in (0, 2, 10):
            content = jpeg(images(1, 64, 64, 3, len(train))[0])
            files[f"train/{wnid}/images/{wnid}_{number}.JPEG"] = content
            train.append(decoded(content))
    grey = jpeg(images(1, 64, 64, 1)[0, ..., 0])
    files["val/images/val_0.JPEG"] = grey
    files["val/images/val_1.JPEG"] = train_content = files["train/n01/images/n01_2.JPEG"]
    files["val/val_annotations.txt"] = (
        b"val_1.JPEG\tn01\t0\t32\t44\t62\nval_0.JPEG\tn02\t52\t55\t57\t59\n"
    )
    return files, np.stack(train), np.stack([decoded(train_content), decoded(grey)])


@pytest.mark.parametrize("zipped", [True, False])
def test_tiny_imagenet_is_ordered_by_class_and_number(tmp_path, monkeypatch, tiny, zipped):
    files, train, val = tiny
    digest = OWN
    if zipped:
        path = tmp_path / "tiny-imagenet-200.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(f"tiny-imagenet-200/{name}", content)
        md5 = hashlib.md5(path.read_bytes()).hexdigest()
        digest = f"md5:{md5}"
        monkeypatch.setattr(tiny_imagenet, "ARCHIVE", File(path.name, md5, "url"))
        monkeypatch.setattr(tiny_imagenet, "DIGEST", digest)
        monkeypatch.setattr(tiny_imagenet, "WNIDS", hashlib.sha256(b"n02 n01").hexdigest())
    else:
        for name, content in files.items():
            write(tmp_path / "tiny-imagenet-200" / name, content)
    found = read("tiny-imagenet", tmp_path, ["train", "val"], digest)
    np.testing.assert_array_equal(found["train"][0], train)
    np.testing.assert_array_equal(found["val"][0], val)
    assert found["train"][1] == [0, 0, 0, 1, 1, 1]
    assert found["val"][1] == [1, 0]
    if zipped:
        path.write_bytes(path.read_bytes() + b"more")
        with pytest.raises(ColdstartError, match="MD5"):
            read("tiny-imagenet", tmp_path, ["train"], digest)


def test_tiny_imagenet_with_other_classes_is_refused(tmp_path, tiny):
    for name, content in tiny[0].items():
        write(tmp_path / "tiny-imagenet-200" / name, content)
    with pytest.raises(ColdstartError, match="names 2 classes"):
        read("tiny-imagenet", tmp_path, ["train"], tiny_imagenet.DIGEST)


@pytest.mark.parametrize("content", [b"", jpeg(np.zeros((64, 64, 3), np.uint8))[:400]])
def test_a_broken_jpeg_is_named(tmp_path, tiny, content):
    tiny[0]["train/n01/images/n01_2.JPEG"] = content
    for name, written in tiny[0].items():
        write(tmp_path / "tiny-imagenet-200" / name, written)
    with pytest.raises(ColdstartError, match=r"train/n01/images/n01_2\.JPEG"):
        read("tiny-imagenet", tmp_path, ["train"])


def test_missing_files_are_named_with_a_remedy(tmp_path):
    (tmp_path / "svhn").mkdir()
    (tmp_path / "svhn" / "train_32x32.mat").touch()
    recipe = {"source": "svhn", "digest": svhn.DIGEST, "parts": {"train": 1, "test": 1}}
    message = svhn.missing(recipe, Settings(data_dir=tmp_path))
    assert "1 of its 2 files" in message
    assert f"{tmp_path}/test_32x32.mat or {tmp_path}/svhn/test_32x32.mat" in message
    assert "http://ufldl.stanford.edu/housenumbers/test_32x32.mat" in message
    assert "train_32x32" not in message
    assert "download=true" in message
    with pytest.raises(ColdstartError, match="1 of its 2 files"):
        svhn.read(recipe, Settings(data_dir=tmp_path))


def test_unknown_part_of_a_set_is_refused(tmp_path):
    with pytest.raises(ColdstartError, match="no part `valid`; it has train, test, extra"):
        read("svhn", tmp_path, ["valid"])
