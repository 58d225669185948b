"""The tables of published files, and the recipes, against each other and against torchvision's."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from coldstart.common.errors import ColdstartError
from coldstart.config.loading.problems import Problems
from coldstart.config.loading.recipes import load_recipes
from coldstart.data.ingest import make_images, make_labels
from coldstart.data.source import reader
from coldstart.data.sources import cifar10, cifar100, fashion_mnist, kmnist, mnist, stl10, svhn
from coldstart.running.job import Job
from coldstart.running.settings import Settings

ROOT = Path(__file__).parents[2]
RECIPES = load_recipes(ROOT / "workflow", "paper", Problems())


@pytest.fixture(scope="module")
def theirs():
    from coldstart.common.vision import torchvision

    return torchvision.datasets


@pytest.mark.parametrize(
    ("module", "name"), [(cifar10, "CIFAR10"), (cifar100, "CIFAR100"), (stl10, "STL10")]
)
def test_archives_have_the_digests_of_torchvision(theirs, module, name):
    published = getattr(theirs, name)
    archive = module.SET.archive
    assert (archive.url, archive.path) == (published.url, published.filename)
    assert archive.md5 == published.tgz_md5
    ours = {file.path: file.md5 for files in module.SET.parts.values() for file in files}
    assert ours == {
        f"{published.base_folder}/{file}": md5
        for file, md5 in published.train_list + published.test_list
    }


@pytest.mark.parametrize(
    ("module", "name"), [(mnist, "MNIST"), (fashion_mnist, "FashionMNIST"), (kmnist, "KMNIST")]
)
def test_idx_files_have_the_digests_of_torchvision(theirs, module, name):
    published = getattr(theirs, name)
    ours = {file.path: (file.url, file.md5) for part in module.SET.parts.values() for file in part}
    assert ours == {
        f"{name}/raw/{file}": (published.mirrors[0] + file, md5)
        for file, md5 in published.resources
    }


def test_mat_files_have_the_digests_of_torchvision(theirs):
    ours = {name: (file.url, file.path, file.md5) for name, (file,) in svhn.SET.parts.items()}
    assert ours == {part: tuple(file) for part, file in theirs.SVHN.split_list.items()}


@pytest.mark.parametrize("name", RECIPES.names("datasets"))
def test_recipes_have_the_published_digest_and_sizes(name):
    recipe = RECIPES.get("datasets", name)
    sizes = {
        "digits": 1_797, "cifar10": 60_000, "cifar100": 60_000, "stl10": 113_000, "svhn": 630_420,
        "mnist": 70_000, "fashion-mnist": 70_000, "kmnist": 70_000, "tiny-imagenet": 110_000,
    }  # fmt: skip
    assert sum(recipe.images_recipe()["parts"].values()) == sizes[recipe.source]
    assert reader(recipe.source).DIGEST in (recipe.digest, None)


def test_both_labellings_of_cifar100_are_of_the_same_images():
    fine, coarse = (RECIPES.get("datasets", name) for name in ("cifar100", "cifar100-coarse"))
    assert fine.images_recipe() == coarse.images_recipe()
    assert fine.labels_recipe() != coarse.labels_recipe()


# From here on with real files.


@pytest.fixture(scope="module")
def settings():
    if "COLDSTART_DATA" not in os.environ:
        pytest.skip("COLDSTART_DATA does not name a folder with real image sets")
    return Settings(data_dir=Path(os.environ["COLDSTART_DATA"]))


def ingest(recipe, settings, out):
    """Pixels and labels of a set; ingest holds counts and checksums against the recipe."""
    out.mkdir(exist_ok=True)
    make_images(Job(recipe.images_recipe(), {}, out, out, settings))
    make_labels(Job(recipe.labels_recipe(), {}, out, out, settings))
    labels = pd.read_parquet(out / "labels.parquet").set_index("id")["label"]
    return np.load(out / "images.npy", mmap_mode="r"), labels


def variant(name, **changes):
    recipe = RECIPES.get("datasets", name)
    return type(recipe).model_validate({**recipe.model_dump(), **changes})


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "theirs_name"),
    [("cifar10", "CIFAR10"), ("mnist", "MNIST"), ("fashion-mnist", "FashionMNIST")],
)
def test_whole_sets_match_their_recipes_and_torchvision(
    name, theirs_name, settings, tmp_path, theirs
):
    images, labels = ingest(RECIPES.get("datasets", name), settings, tmp_path)
    parts = [
        getattr(theirs, theirs_name)(settings.data_dir, train=train) for train in (True, False)
    ]
    expected = np.concatenate([np.asarray(part.data) for part in parts])
    np.testing.assert_array_equal(images, expected.reshape(images.shape))
    assert labels.tolist() == [int(label) for part in parts for label in part.targets]


@pytest.mark.data
@pytest.mark.parametrize(("file", "offset"), [("test_batch", 1000), ("data_batch_3", -1)])
def test_an_altered_batch_file_is_refused(file, offset, settings, tmp_path):
    source = settings.data_dir / "cifar-10-batches-py"
    folder = tmp_path / source.name
    folder.mkdir()
    for path in source.iterdir():
        (folder / path.name).symlink_to(path)
    content = bytearray((source / file).read_bytes())
    content[offset] ^= 1
    (folder / file).unlink()
    (folder / file).write_bytes(content)
    with pytest.raises(ColdstartError, match=rf"{file} is damaged.*MD5"):
        ingest(RECIPES.get("datasets", "cifar10"), Settings(data_dir=tmp_path), tmp_path / "out")


@pytest.mark.data
def test_partial_kmnist_is_an_edition_and_its_whole_test_set_is_published(settings, tmp_path):
    with pytest.raises(ColdstartError, match=r"parts\.train is 7011, but .* says 60000"):
        ingest(RECIPES.get("datasets", "kmnist"), settings, tmp_path)
    images, labels = ingest(variant("kmnist", parts={"test": [1000] * 10}), settings, tmp_path)
    assert images.shape == (10_000, 28, 28, 1)
    assert labels.value_counts().tolist() == [1000] * 10


@pytest.mark.data
def test_a_partial_tiny_imagenet_is_an_edition_of_its_own(settings, tmp_path):
    with pytest.raises(ColdstartError, match="names 20 classes"):
        ingest(RECIPES.get("datasets", "tiny-imagenet"), settings, tmp_path)
    lines = (settings.data_dir / "tiny-imagenet-200" / "words.txt").read_text().splitlines()
    words = [line.partition("\t")[2] for line in lines]
    own = {"classes": words, "parts": {"train": [25] * 20, "val": [15] * 20}}
    with pytest.raises(ColdstartError, match="digest is sha256") as refusal:
        ingest(variant("tiny-imagenet", digest="sha256:", **own), settings, tmp_path)
    digest = str(refusal.value).split("digest is ")[1].split(",")[0]
    images, labels = ingest(variant("tiny-imagenet", digest=digest, **own), settings, tmp_path)
    assert images.shape == (800, 64, 64, 3)
    items = pd.read_parquet(tmp_path / "items.parquet")
    last = items.iloc[[0, 24, 799]]
    assert last["path"].tolist()[0] == "train/n01443537/images/n01443537_0.JPEG"
    assert last["part"].tolist() == ["train", "train", "val"]
    assert labels.iloc[:500].tolist() == np.repeat(range(20), 25).tolist()
