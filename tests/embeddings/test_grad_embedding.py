import pytest
import torch
from torch import nn

from coldstart.common.errors import ColdstartError
from coldstart.embeddings.grad_embedding import embedding_gradient_norms
from coldstart.ssl.method import Bank, Contrastive
from tests.helpers.cases import CASES, settled

COUNT = 5
IDS = torch.arange(COUNT)
SCORED = [name for name, recipe in CASES.items() if recipe.scored]


@pytest.fixture
def scene(request):
    """A model in evaluation mode, and a function that returns the losses of some rows."""
    recipe = CASES[request.param]
    model = settled(recipe).eval()
    generator = torch.Generator().manual_seed(2)
    views = [torch.rand(COUNT, 1, 8, 8, generator=generator) for _ in recipe.views]
    if isinstance(model, Contrastive):
        negatives = torch.rand(7, 1, 8, 8, generator=generator)
        with torch.no_grad():
            model.bank = Bank(model.keys(negatives), torch.arange(7) + 100)
    return model, lambda rows: model.losses([view[rows] for view in views], IDS[rows])


@pytest.mark.parametrize("scene", SCORED, indirect=True)
def test_gradient_embedding_equals_finite_differences_of_the_loss(scene):
    model, losses = scene
    found = embedding_gradient_norms(model.encoder, lambda: losses(slice(None)), COUNT)
    expected = []
    for row in range(COUNT):
        nudges = []

        def nudge(module, inputs, output, nudges=nudges):
            nudges.append(torch.zeros_like(output, requires_grad=True))
            return output + nudges[-1]

        handle = model.encoder.register_forward_hook(nudge)
        loss = losses(slice(row, row + 1)).sum()
        handle.remove()
        gradients = torch.autograd.grad(loss, nudges, allow_unused=True)
        used = [one.flatten() for one in gradients if one is not None]
        expected.append(torch.cat(used).norm())
    torch.testing.assert_close(found, torch.stack(expected), rtol=1e-3, atol=1e-6)
    assert found.std() > 1e-3 * found.mean() > 0


@pytest.mark.parametrize("scene", ["byol"], indirect=True)
def test_parameters_get_no_gradient(scene):
    model, losses = scene
    embedding_gradient_norms(model.encoder, lambda: losses(slice(None)), COUNT)
    assert all(one.grad is None and one.requires_grad for one in model.online.parameters())


def test_gradient_of_a_squared_norm_is_twice_the_embedding():
    encoder, images = nn.Linear(3, 4), torch.randn(6, 3)
    norms = embedding_gradient_norms(encoder, lambda: encoder(images).square().sum(1), 6)
    torch.testing.assert_close(norms, 2 * encoder(images).detach().norm(dim=1))


def test_embeddings_of_all_views_count():
    encoder, images = nn.Linear(3, 4), torch.randn(6, 3)

    def losses():
        both = encoder(torch.cat([images, -images]))
        return both[:6].sum(1) + 2 * both[6:].sum(1)

    norms = embedding_gradient_norms(encoder, losses, 6)
    torch.testing.assert_close(norms, torch.full((6,), (4 * 1.0 + 4 * 4.0) ** 0.5))


@pytest.mark.parametrize(
    ("losses", "message"),
    [
        (lambda encoder, images: encoder(images).sum(), r"shape \[\], not \[6\]"),
        (lambda encoder, images: images.sum(1), "do not depend on the encoder"),
        (lambda encoder, images: encoder(images[:4]).sum(1), "not a multiple of 6"),
    ],
)
def test_losses_that_are_not_one_per_image_are_refused(losses, message):
    encoder, images = nn.Linear(3, 4), torch.randn(6, 3)
    with pytest.raises(ColdstartError, match=message):
        embedding_gradient_norms(encoder, lambda: losses(encoder, images), 6)
