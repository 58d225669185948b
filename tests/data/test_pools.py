import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from coldstart.config.data import Pool
from coldstart.config.problems import Problems
from coldstart.config.recipes import load_recipes
from coldstart.data import cifar10, digits
from coldstart.data.pools import build_index
from coldstart.data.stage import check
from coldstart.errors import ColdstartError

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def recipes():
    return load_recipes(ROOT / "workflow", "paper", Problems())


def items_of(source):
    return pd.DataFrame(
        {"id": np.arange(len(source.labels)), "part": source.parts, "label": source.labels}
    )


@pytest.fixture(scope="module")
def real_cifar10():
    if "COLDSTART_DATA" not in os.environ:
        pytest.skip("COLDSTART_DATA does not name a folder with real image sets")
    return cifar10.read(Path(os.environ["COLDSTART_DATA"]), download=False)


def synthetic_cifar10(rng):
    """Items with CIFAR-10's class sizes in a random order of classes."""
    labels = np.concatenate(
        [
            rng.permutation(np.repeat(np.arange(10), 5000)),
            rng.permutation(np.repeat(np.arange(10), 1000)),
        ]
    )
    parts = ["train"] * 50_000 + ["test"] * 10_000
    return pd.DataFrame({"id": np.arange(60_000), "part": parts, "label": labels})


def test_digits_are_as_the_recipe_says(recipes):
    source = digits.read(Path(), download=False)
    check(source, recipes.get("datasets", "digits"))
    assert source.images.shape == (1797, 8, 8, 1)
    assert source.images.dtype == np.uint8
    assert source.images.max() == 255


def test_another_edition_of_a_set_is_refused(recipes):
    source = digits.read(Path(), download=False)
    source.labels[:] = source.labels[::-1].copy()
    with pytest.raises(ColdstartError, match=r"parts is|digest is"):
        check(
            digits.Source(source.images, source.labels, source.parts, "sha256:0"),
            recipes.get("datasets", "digits"),
        )


@pytest.mark.data
def test_real_cifar10_is_as_the_recipe_says(recipes, real_cifar10):
    check(real_cifar10, recipes.get("datasets", "cifar10"))
    assert real_cifar10.images.shape == (60_000, 32, 32, 3)


@pytest.mark.data
def test_an_altered_batch_file_is_refused(tmp_path):
    if "COLDSTART_DATA" not in os.environ:
        pytest.skip("COLDSTART_DATA does not name a folder with real image sets")
    source = Path(os.environ["COLDSTART_DATA"]) / cifar10.FOLDER
    folder = tmp_path / cifar10.FOLDER
    folder.mkdir()
    for name in cifar10.FILES:
        (folder / name).symlink_to(source / name)
    (folder / "test_batch").unlink()
    content = bytearray((source / "test_batch").read_bytes())
    content[1000] ^= 1
    (folder / "test_batch").write_bytes(content)
    with pytest.raises(ColdstartError, match="MD5"):
        cifar10.read(tmp_path, download=False)


def test_missing_files_are_named_with_a_remedy(tmp_path):
    folder = tmp_path / cifar10.FOLDER
    folder.mkdir()
    (folder / "test_batch").touch()
    message = cifar10.missing(tmp_path)
    assert "6 of its 7 files" in message
    assert str(folder) in message
    assert "data_batch_3" in message
    assert "test_batch" not in message
    assert "download=true" in message


def test_biased_cifar10_has_the_papers_counts_and_positions(recipes):
    items = synthetic_cifar10(np.random.default_rng(0))
    index = build_index(items, recipes.get("pools", "biased-cifar10"))
    assert index["split"].value_counts().to_dict() == {
        "unlabeled": 24_750, "test": 5_500, "candidates": 2_750
    }  # fmt: skip
    chosen = items.merge(index, on="id")
    for label in range(10):
        of_class = chosen[chosen["label"] == label].groupby("split")["id"].apply(np.sort)
        train = np.flatnonzero(items["label"][:50_000] == label)
        test = 50_000 + np.flatnonzero(items["label"][50_000:] == label)
        # The positions as the published scripts compute them.
        candidates = np.linspace(4500, 4999, num=50 * (label + 1), dtype=int)
        tested = np.linspace(0, 999, num=100 * (label + 1), dtype=int)
        unlabeled = np.linspace(0, 4499, num=450 * (label + 1), dtype=int)
        np.testing.assert_array_equal(of_class["candidates"], train[candidates])
        np.testing.assert_array_equal(of_class["test"], test[tested])
        np.testing.assert_array_equal(of_class["unlabeled"], train[unlabeled])


@pytest.mark.parametrize("name", ["digits", "biased-digits", "biased-cifar10"])
def test_the_sizes_foretold_are_the_sizes_made_and_no_image_is_in_two_splits(recipes, name):
    pool: Pool = recipes.get("pools", name)
    dataset = recipes.get("datasets", pool.dataset)
    if pool.dataset == "digits":
        items = items_of(digits.read(Path(), download=False))
    else:
        items = synthetic_cifar10(np.random.default_rng(1))
    index = build_index(items, pool)
    assert index["id"].is_unique
    assert index["id"].is_monotonic_increasing
    counted = items.merge(index, on="id").groupby(["split", "label"]).size()
    for split, sizes in pool.sizes(dataset).items():
        assert counted[split].tolist() == sizes


def test_a_pool_does_not_depend_on_the_order_of_the_table(recipes):
    items = items_of(digits.read(Path(), download=False))
    pool = recipes.get("pools", "biased-digits")
    mixed = items.sample(frac=1.0, random_state=0)
    pd.testing.assert_frame_equal(build_index(items, pool), build_index(mixed, pool))


def test_the_shuffle_is_the_same_everywhere(recipes):
    """Golden ids: a pool that changes by itself changes every result made from it."""
    items = items_of(digits.read(Path(), download=False))
    index = build_index(items, recipes.get("pools", "digits"))
    first = index.loc[index["split"] == "candidates", "id"].to_numpy()[:8]
    np.testing.assert_array_equal(first, GOLDEN)


GOLDEN = [0, 2, 6, 8, 12, 14, 24, 27]
