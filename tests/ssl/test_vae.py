import pytest
import torch
from torch import distributions, nn

from coldstart.config.recipes.backbones.convs import Convs
from coldstart.embeddings.grad_norm import gradient_norms
from coldstart.ssl.methods.vae import build
from coldstart.training import noise as drawing
from tests.helpers.cases import CASES, CONVS, inputs, settled, views

RECIPE = CASES["vae"]


@pytest.fixture(scope="module")
def model():
    return settled(RECIPE).eval()


def test_score_is_the_reconstruction_error_of_the_mean_code(model):
    (images,) = views(5, number=1)
    decoded = model.online.decoder(model.encoder(images))
    assert decoded.shape == images.shape
    expected = [nn.functional.mse_loss(d, x) for d, x in zip(decoded, images, strict=True)]
    torch.testing.assert_close(model.losses([images]), torch.stack(expected))
    first, second = views(5, seed=3)
    each = [model.losses([view]) for view in (first, second)]
    torch.testing.assert_close(model.losses([first, second]), (each[0] + each[1]) / 2)


def test_embeddings_are_the_means_of_the_codes(model):
    (images,) = views(5, number=1)
    online = model.online
    torch.testing.assert_close(model.encoder(images), online.mean(online.features(images)))
    assert model.encoder(images).shape == (5, CONVS.latent)


def test_training_descends_the_negative_evidence_bound(model, monkeypatch):
    """Kingma & Welling's divergence by torch's distributions, at a noise that is given."""
    (images,) = views(5, number=1)
    noise = torch.randn(5, CONVS.latent)
    monkeypatch.setattr(model.noise, "like", lambda codes, done: noise)
    features = model.online.features(images)
    mean, log_variance = model.online.mean(features), model.online.log_variance(features)
    drawn = distributions.Normal(mean, log_variance.exp().sqrt())
    divergence = distributions.kl_divergence(drawn, distributions.Normal(0.0, 1.0)).sum(1).mean()
    error = nn.functional.mse_loss(model.online.decoder(mean + drawn.scale * noise), images)
    loss = model.loss_of_views([images], 0.5)
    torch.testing.assert_close(loss, error + RECIPE.kl_weight * divergence)
    assert divergence > 1e-3
    gradients = torch.autograd.grad(loss, list(model.online.parameters()))
    assert all(gradient.abs().max() > 0 for gradient in gradients)


def test_noise_is_normal_and_depends_on_the_step_alone(model):
    codes = torch.zeros(400, 50)
    model.noise.start_step()
    first, second = (
        model.noise.like(codes, 0.25),
        model.noise.like(codes, 0.25),
    )  # two parts of a step
    assert not torch.allclose(first, second)
    model.after_step(0.3)
    torch.randn(5)
    assert torch.equal(model.noise.like(codes, 0.25), first)
    model.after_step(0.3)
    assert not torch.allclose(model.noise.like(codes, 0.5), first)
    assert first.mean().abs() < 0.03
    assert first.std().item() == pytest.approx(1, abs=0.03)
    assert torch.corrcoef(torch.stack([first.flatten(), second.flatten()]))[0, 1].abs() < 0.03


def test_models_of_other_seeds_have_other_noise():
    torch.manual_seed(1)
    one, other = build(RECIPE, inputs()), build(RECIPE, inputs())
    assert not torch.allclose(
        one.noise.like(torch.zeros(3, 4), 0), other.noise.like(torch.zeros(3, 4), 0)
    )


def test_each_process_draws_the_noise_of_its_rows(model, monkeypatch):
    model.noise.start_step()
    monkeypatch.setattr(drawing, "world", lambda: 2)
    parts = []
    for rank in range(2):
        monkeypatch.setattr(drawing, "rank", lambda rank=rank: rank)
        model.noise.start_step()
        parts.append(model.noise.like(torch.zeros(3, 4), 0.5))
    monkeypatch.setattr(drawing, "world", lambda: 1)
    monkeypatch.setattr(drawing, "rank", lambda: 0)
    model.noise.start_step()
    assert torch.equal(torch.cat(parts), model.noise.like(torch.zeros(6, 4), 0.5))


@pytest.mark.parametrize("shape", [(32, 32, 3), (28, 28, 1), (9, 15, 3), (64, 64, 3)])
def test_reconstructions_have_the_images_size_and_range(shape):
    height, width, channels = shape
    backbone = Convs(family="convs", widths=[4, 6, 8, 10], latent=7)
    model = build(
        RECIPE.model_copy(update={"backbone": backbone}), inputs(height, width, channels)
    ).eval()
    decoded = model.online.decoder(10 * torch.randn(3, 7))
    assert decoded.shape == (3, channels, height, width)
    assert decoded.min() >= 0
    assert decoded.max() <= 1


def test_the_published_network_has_the_published_sizes():
    backbone = Convs(family="convs", widths=[32, 64, 128, 256], latent=128)
    model = build(RECIPE.model_copy(update={"backbone": backbone}), inputs(32, 32, 3))
    assert model.online.log_variance.weight.shape == (128, 2 * 2 * 256)
    assert model.encoder(torch.rand(2, 3, 32, 32)).shape == (2, 128)


def test_trained_model_reconstructs_images(digits):
    model = settled(RECIPE.model_copy(update={"kl_weight": 1e-4}), steps=0)
    optimizer = torch.optim.Adam(model.online.parameters(), 2e-2)
    images = torch.from_numpy(digits[:64]).permute(0, 3, 1, 2) / 255
    for step in range(100):
        optimizer.zero_grad()
        model.loss_of_views([images], step / 100).backward()
        optimizer.step()
        model.after_step((step + 1) / 100)
    constant = (images - images.mean(0)).square().mean()
    assert model.eval().losses([images]).mean() < 0.8 * constant


def test_gradient_norms_equal_those_of_one_image_at_a_time(model):
    (images,) = views(4, number=1)
    norms = gradient_norms(model.online, lambda: model.losses([images]), 4)
    for i in range(4):
        gradients = torch.autograd.grad(
            model.losses([images[i : i + 1]]).sum(),
            list(model.online.parameters()),
            allow_unused=True,
        )
        alone = sum(g.square().sum() for g in gradients if g is not None).sqrt()
        torch.testing.assert_close(norms[i], alone, rtol=1e-4, atol=1e-7)
