"""Pools: the images that each operator keeps in each split, and the numbers of papers."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter

from coldstart.common.errors import ColdstartError
from coldstart.config.loading.problems import Problems
from coldstart.config.loading.recipes import load_recipes
from coldstart.config.recipes.pools import OUTLIERS, Pool, mixture
from coldstart.data.pool import build_index

ROOT = Path(__file__).parents[2]
RECIPES = load_recipes(ROOT / "workflow", "paper", Problems())
POOL = TypeAdapter(Pool)


def items_of(dataset, rng, outliers=0):
    """Items as a data set's recipe describes them, its classes in a random order."""
    frames = []
    for part, images in dataset.parts.items():
        unlabelled = isinstance(images, int)
        labels = [pd.NA] * images if unlabelled else np.repeat(np.arange(len(images)), images)
        if not unlabelled:
            rng.shuffle(labels)
        frames.append(pd.DataFrame({"part": part, "label": pd.array(labels, dtype="Int64")}))
    frames.append(
        pd.DataFrame({"part": OUTLIERS, "label": pd.array([pd.NA] * outliers, dtype="Int64")})
    )
    items = pd.concat(frames, ignore_index=True)
    return items.assign(id=np.arange(len(items)))


def items_for(pool, seed=0):
    dataset = RECIPES.get("datasets", pool.dataset)
    mixed = mixture(pool)
    return items_of(dataset, np.random.default_rng(seed), mixed.outliers.count if mixed else 0)


def counts(index):
    return index["split"].value_counts().to_dict()


def of_class(items, index, split):
    """Images of each class of a split, in the order of the classes."""
    return items.merge(index[index["split"] == split], on="id")["label"].value_counts().sort_index()


def test_biased_cifar10_has_the_counts_and_positions_of_the_paper():
    pool = RECIPES.get("pools", "biased-cifar10")
    items = items_for(pool)
    index = build_index(items, pool)
    assert counts(index) == {"unlabeled": 24_750, "test": 5_500, "candidates": 2_750}
    chosen = items.merge(index, on="id")
    for label in range(10):
        ids = chosen[chosen["label"] == label].groupby("split")["id"].apply(np.sort)
        train = np.flatnonzero((items["part"] == "train") & (items["label"] == label))
        test = np.flatnonzero((items["part"] == "test") & (items["label"] == label))
        # The positions as the published scripts compute them.
        candidates = np.linspace(4500, 4999, num=50 * (label + 1), dtype=int)
        tested = np.linspace(0, 999, num=100 * (label + 1), dtype=int)
        unlabeled = np.linspace(0, 4499, num=450 * (label + 1), dtype=int)
        np.testing.assert_array_equal(ids["candidates"], train[candidates])
        np.testing.assert_array_equal(ids["test"], test[tested])
        np.testing.assert_array_equal(ids["unlabeled"], train[unlabeled])


PAPERS = {
    # Ganesh & Vento, section 4.3; Acharya et al. for the long tail; Caramalau et al. for the step.
    "biased-cifar10": {"unlabeled": 24_750, "candidates": 2_750, "test": 5_500},
    "stl10": {"unlabeled": 100_000, "candidates": 5_000, "test": 8_000},
    "svhn": {"unlabeled": 73_257, "candidates": 10_000, "test": 26_032},
    "cifar10-all": {"unlabeled": 50_000, "candidates": 50_000, "test": 10_000},
    "cifar10-longtail-all": {"unlabeled": 13_996, "candidates": 13_996, "test": 10_000},
    "cifar10-step": {"unlabeled": 27_500, "candidates": 27_500, "test": 10_000},
    "cifar10": {"unlabeled": 50_000, "candidates": 45_000, "validation": 5_000, "test": 10_000},
    "cifar100": {"unlabeled": 50_000, "candidates": 45_000, "validation": 5_000, "test": 10_000},
    # Mandivarapu et al., section 4.1; the shares of classes of uneven size are rounded.
    "mnist-50000": {"unlabeled": 44_999, "candidates": 44_999, "validation": 5_000, "test": 10_000},
    "fashion-mnist-50000": {
        "unlabeled": 45_000,
        "candidates": 45_000,
        "validation": 5_000,
        "test": 10_000,
    },
    "mnist": {"unlabeled": 60_000, "candidates": 54_000, "validation": 6_000, "test": 10_000},
    "tiny-imagenet": {
        "unlabeled": 100_000,
        "candidates": 95_000,
        "validation": 5_000,
        "test": 10_000,
    },
}


@pytest.mark.parametrize("name", PAPERS)
def test_pools_of_papers_have_the_published_counts(name):
    pool = RECIPES.get("pools", name)
    foretold = pool.sizes(RECIPES.get("datasets", pool.dataset))
    assert {split: sum(sizes.values()) for split, sizes in foretold.items()} == PAPERS[name]


@pytest.mark.parametrize("others", ["svhn", "kmnist", "fashion-mnist"])
def test_mixed_pool_has_ten_thousand_outliers_that_only_labels_show(others):
    pool = RECIPES.get("pools", f"cifar10-mixed-{others}")
    items = items_for(pool)
    index = build_index(items, pool)
    assert list(index.columns) == ["id", "split"]
    assert counts(index) == {
        "unlabeled": 60_000, "candidates": 55_000, "validation": 5_000, "test": 10_000
    }  # fmt: skip
    outlying = items.merge(index, on="id").query("label.isna()")["split"].value_counts()
    assert outlying.to_dict() == {"unlabeled": 10_000, "candidates": 10_000}


LONGTAIL = [5000, 3237, 2096, 1357, 878, 568, 368, 238, 154, 100]


def test_long_tail_has_the_counts_of_the_paper():
    pool = RECIPES.get("pools", "cifar10-longtail-all")
    items = items_for(pool)
    index = build_index(items, pool)
    assert of_class(items, index, "candidates").tolist() == LONGTAIL
    assert of_class(items, index, "test").tolist() == [1000] * 10


def test_a_needle_is_rarer_than_one_in_a_thousand():
    pool = RECIPES.get("pools", "cifar10-needle")
    items = items_for(pool)
    sizes = of_class(items, build_index(items, pool), "candidates")
    assert 0 < sizes.min() / sizes.sum() <= 1 / 1000
    assert (sizes.sort_values().iloc[1:] == sizes.max()).all()


@pytest.mark.parametrize("name", RECIPES.names("pools"))
def test_planned_sizes_equal_the_sizes_made(name):
    pool = RECIPES.get("pools", name)
    items = items_for(pool, seed=1)
    index = build_index(items, pool)
    assert not index.duplicated().any()
    assert index["id"].is_monotonic_increasing
    for split, sizes in pool.sizes(RECIPES.get("datasets", pool.dataset)).items():
        found = of_class(items, index, split)
        known = {label: size for label, size in sizes.items() if label is not None}
        if known:
            assert found.to_dict() == {label: size for label, size in known.items() if size}
        assert (index["split"] == split).sum() == sum(sizes.values())


@pytest.mark.parametrize("name", RECIPES.names("pools"))
def test_test_images_are_in_no_other_split(name):
    pool = RECIPES.get("pools", name)
    index = build_index(items_for(pool), pool)
    ids = {split: set(group) for split, group in index.groupby("split")["id"]}
    validation = ids.get("validation", set())
    assert not ids["test"] & (ids["unlabeled"] | ids["candidates"] | validation)
    assert not validation & ids["candidates"]


def test_a_pool_does_not_depend_on_the_order_of_the_table():
    pool = RECIPES.get("pools", "biased-digits")
    items = items_for(pool)
    mixed = items.sample(frac=1.0, random_state=0)
    pd.testing.assert_frame_equal(build_index(items, pool), build_index(mixed, pool))


def small(**parts):
    """Items of two classes, alternating, in each of the named parts."""
    frames = [
        pd.DataFrame({"part": part, "label": pd.array(np.arange(size) % 2, dtype="Int64")})
        for part, size in parts.items()
    ]
    items = pd.concat(frames, ignore_index=True)
    return items.assign(id=np.arange(len(items)))


def split_pool(**splits):
    return {"operator": "split", "dataset": "any", "splits": splits}


WHOLE = split_pool(
    unlabeled={"part": "train"}, candidates={"part": "train"}, test={"part": "test"}
)  # fmt: skip


def build(items, recipe):
    index = build_index(items, POOL.validate_python(recipe))
    return {split: group.tolist() for split, group in index.groupby("split")["id"]}


def test_a_slice_of_a_part_counts_over_all_classes():
    recipe = split_pool(
        unlabeled={"part": "train"},
        candidates={"part": "train", "first": 0, "last": 2, "per": "part"},
        test={"part": "test"},
    )
    assert build(small(train=10, test=4), recipe)["candidates"] == [0, 1, 2]


def test_a_holdout_is_even_and_leaves_the_unlabeled_images_alone():
    recipe = {"operator": "holdout", "share": 0.4, "pool": WHOLE}
    found = build(small(train=10, test=4), recipe)
    assert found["validation"] == [0, 1, 8, 9]
    assert found["candidates"] == [2, 3, 4, 5, 6, 7]
    assert found["unlabeled"] == list(range(10))


def test_the_step_of_a_paper_keeps_the_first_images_of_every_second_class():
    pool = RECIPES.get("pools", "cifar10-step")
    items = items_for(pool)
    index = build_index(items, pool)
    of_pool = items[items["part"] == "train"].groupby("label")["id"].apply(np.sort)
    for split in ("unlabeled", "candidates"):
        kept = items.merge(index[index["split"] == split], on="id").groupby("label")["id"]
        for label, ids in kept.apply(np.sort).items():
            size = 5000 if label % 2 else 500
            np.testing.assert_array_equal(ids, of_pool[label][:size])


def test_a_step_cuts_the_named_classes():
    recipe = {"operator": "step", "classes": [1], "size": 2, "pool": WHOLE}
    found = build(small(train=10, test=4), recipe)
    assert found["candidates"] == [0, 1, 2, 4, 6, 8, 9]
    assert found["test"] == [10, 11, 12, 13]


def test_a_subset_keeps_the_named_classes_in_the_test_as_well():
    recipe = {"operator": "subset", "classes": [0], "share": 0.6, "pool": WHOLE}
    found = build(small(train=10, test=4), recipe)
    assert found["candidates"] == [0, 4, 8]
    assert found["test"] == [10]


def test_operators_combine():
    step = {"operator": "step", "classes": [1], "size": 3, "pool": WHOLE}
    recipe = {"operator": "holdout", "share": 0.34, "pool": step}
    found = build(small(train=10, test=4), recipe)
    assert found["validation"] == [0, 1, 8]
    assert found["candidates"] == [2, 4, 5, 6, 9]


def test_overlap_of_the_test_split_with_another_is_refused():
    recipe = split_pool(
        unlabeled={"part": "train"},
        candidates={"part": "train", "first": 0, "last": 3},
        test={"part": "train", "first": 3, "last": 4},
    )
    with pytest.raises(ColdstartError, match="4 images are both in `test` and in `unlabeled`"):
        build(small(train=10), recipe)


def test_shuffle_has_its_golden_order():
    """Golden ids: a pool that changes by itself changes every result made from it."""
    recipe = WHOLE | {"shuffle": 0}
    recipe["splits"] = WHOLE["splits"] | {"candidates": {"part": "train", "last": 0.3}}
    assert build(small(train=40, test=2), recipe)["candidates"] == GOLDEN


GOLDEN = [4, 7, 9, 10, 15, 18, 20, 25, 26, 33, 36, 37]
