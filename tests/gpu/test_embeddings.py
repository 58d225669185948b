"""Embeddings and scores on a GPU are those of the CPU."""

import copy

import numpy as np
import pytest
import torch

from coldstart.config.recipes.scores import Embedding, Score
from coldstart.embeddings.embed import embed
from coldstart.embeddings.grad_norm import gradient_norms
from coldstart.embeddings.score import score
from coldstart.ssl.method import Bank, Contrastive
from coldstart.training.device import place
from tests.helpers.cases import CASES, settled, views
from tests.helpers.trainings import load_images

CPU = torch.device("cpu")
IMAGES = load_images(100)


def both(recipe, gpu):
    model = settled(recipe).eval()
    return (model, CPU), (place(copy.deepcopy(model), gpu).eval(), gpu)


@pytest.mark.parametrize("name", CASES)
def test_embeddings_equal_those_of_the_cpu(name, gpu, float32):
    on_cpu, on_gpu = (
        embed(model.encoder, IMAGES, Embedding(batch_size=32), device)
        for model, device in both(CASES[name], gpu)
    )
    np.testing.assert_allclose(on_gpu, on_cpu, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", CASES)
def test_losses_and_gradient_norms_equal_those_of_the_cpu(name, gpu, float32):
    recipe = CASES[name]
    seen = views(8, number=len(recipe.views), seed=4)
    found = []
    for model, device in both(recipe, gpu):
        if isinstance(model, Contrastive):
            keys = model.keys(views(10, seed=50)[0].to(device)).detach()
            model.bank = Bank(keys, torch.arange(100, 110, device=device))
        ids = torch.arange(8, device=device)
        own = [view.to(device) for view in seen]
        norms = gradient_norms(model.online, lambda: model.losses(own, ids), 8)  # noqa: B023
        with torch.no_grad():
            found.append((model.losses(own, ids).cpu(), norms.cpu()))
    for on_gpu, on_cpu in zip(*reversed(found), strict=True):
        torch.testing.assert_close(on_gpu, on_cpu, rtol=2e-3, atol=1e-5)
        assert on_cpu.std() > 0


@pytest.mark.parametrize("kind", ["loss", "grad-norm", "grad-embedding"])
def test_scores_are_reproducible(kind, gpu, deterministic):
    recipe = CASES["moco-v2"]
    _, (model, device) = both(recipe, gpu)
    ids = np.arange(len(IMAGES))
    asked = Score(score=kind, passes=2, batch_size=32)
    one, again = (score(model, IMAGES, ids, recipe.views, asked, 3, device) for _ in range(2))
    np.testing.assert_array_equal(one, again)
    assert one.std() > 0
