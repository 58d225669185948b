"""Nearest neighbours, and the views that the trainer draws of them."""

from contextlib import ExitStack

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors
from torch import nn

from coldstart.config.recipes.augmentations import Augmentation
from coldstart.ssl.models import build_model
from coldstart.training import neighbours
from coldstart.training.images import Images
from coldstart.training.neighbours import draw, embed_images, nearest
from coldstart.training.streams import unlabelled
from coldstart.training.trainer import Trainer
from tests.helpers.cases import CASES, inputs
from tests.helpers.trainings import CPU, changed


@pytest.fixture
def embeddings():
    return torch.randn(150, 6, generator=torch.Generator().manual_seed(0)) + 0.5


@pytest.mark.parametrize("block", [2**26, 1000, 1])
def test_neighbours_equal_scikit_learn_by_cosine_without_the_row_itself(
    embeddings, monkeypatch, block
):
    monkeypatch.setattr(neighbours, "BLOCK", block)
    theirs = NearestNeighbors(n_neighbors=8, metric="cosine").fit(embeddings.double().numpy())
    expected = theirs.kneighbors(return_distance=False)
    assert nearest(embeddings, 8).tolist() == expected.tolist()
    # Not by the distance, which lengths would change.
    lengths = torch.linspace(0.1, 9, 150).unsqueeze(1)
    assert nearest(embeddings * lengths, 8).tolist() == expected.tolist()


def test_all_other_rows_are_neighbours_if_there_are_few():
    found = nearest(torch.eye(4), 20)
    assert found.shape == (4, 3)
    assert all(sorted([row, *found[row].tolist()]) == [0, 1, 2, 3] for row in range(4))
    assert nearest(torch.ones(2, 3), 1).tolist() == [[1], [0]]


def test_images_are_embedded_in_their_order():
    array = np.arange(3000, dtype=np.int64).reshape(-1, 1, 1, 1)
    images = Images((array % 251).astype(np.uint8), np.arange(2500)[::-1].copy())
    found = embed_images(nn.Flatten(), images, CPU)
    assert found.dtype == torch.float32
    assert found.flatten().tolist() == (np.arange(2500)[::-1] % 251).tolist()


def test_neighbours_are_drawn_uniformly_by_the_seed(embeddings):
    table = nearest(embeddings, 4)
    draws = torch.stack([draw(table, seed) for seed in range(400)])
    assert torch.equal(draw(table, 7), draws[7])
    for row in (0, 77, 149):
        counts = torch.tensor([(draws[:, row] == other).sum() for other in table[row]])
        assert counts.sum() == 400
        assert counts.min() > 60  # of 100 expected


def test_second_view_is_of_a_neighbour_drawn_in_each_epoch():
    count = 40
    array = np.arange(count, dtype=np.uint8).repeat(64).reshape(count, 8, 8, 1)
    table = (torch.arange(count).unsqueeze(1) + torch.tensor([1, 2, 5])) % count
    plain = Augmentation(transforms=[])
    recipe = changed(CASES["scan"], views=[plain, plain], batch_size=10, accumulate=2)
    model = build_model(recipe, inputs(), seed=1)
    trainer = Trainer(model, unlabelled(Images.of(array), recipe, table), recipe, 1, CPU)
    seen = []
    for trainer.epoch in range(3):
        pairs = []
        for images, _ in trainer._batches(ExitStack())["unlabelled"]:
            assert images.shape == (20, 8, 8, 1)
            anchors, others = (
                (view[:, 0, 0, 0] * 255).round().long()
                for view in trainer.feeds["unlabelled"].views(images)
            )
            assert all(b in table[a] for a, b in zip(anchors, others, strict=True))
            pairs += zip(anchors.tolist(), others.tolist(), strict=True)
        assert sorted(anchor for anchor, _ in pairs) == list(range(count))
        seen.append(dict(pairs))
    assert seen[0] != seen[1] != seen[2]
