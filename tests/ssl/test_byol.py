import copy

import pytest
import torch

from coldstart.config.recipes.augmentations import Augmentation
from coldstart.config.recipes.backbones.resnet import ResNet
from coldstart.config.recipes.encoders import Head
from coldstart.config.recipes.encoders.byol import Byol
from coldstart.config.recipes.optimizers import Optimizer
from coldstart.ssl.methods.byol import build
from coldstart.ssl.momentum import follow, target_decay
from coldstart.training.model import Inputs
from tests.helpers.cases import lightly

RECIPE = Byol(
    method="byol",
    backbone=ResNet(family="resnet", stem="cifar", widths=[4, 6], blocks=[1, 1]),
    projector=Head(widths=[10, 5]),
    predictor=Head(widths=[8, 5]),
    target_decay=0.9,
    views=[Augmentation(transforms=[])] * 2,
    optimizer=Optimizer(name="adam", lr=1e-3),
    epochs=1,
    batch_size=4,
)


@pytest.fixture
def model():
    """A model in float64 whose target has moved away from the online network."""
    torch.manual_seed(0)
    model = build(RECIPE, Inputs(8, 8, 3, torch.full((3,), 0.5), torch.full((3,), 0.2))).double()
    with torch.no_grad():
        for parameter in model.target.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    for _ in range(3):  # running statistics of its own for each BatchNorm
        model.losses(views(8))
    return model


def views(count, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(2, count, 3, 8, 8, generator=generator, dtype=torch.float64).unbind()


def unit(v):
    return v / (v * v).sum(1, keepdim=True).sqrt()


def paper_losses(model, view1, view2):
    """Section 3.1 as it is written: two passes, squared distances of unit vectors."""
    online, target = model.online, model.target
    z1, z2 = (online.projector(online.encoder(v)) for v in (view1, view2))
    with torch.no_grad():
        t1, t2 = (target.projector(target.encoder(v)) for v in (view1, view2))
    one = ((unit(online.predictor(z1)) - unit(t2)) ** 2).sum(1)
    other = ((unit(online.predictor(z2)) - unit(t1)) ** 2).sum(1)
    return one + other


def test_losses_and_gradients_equal_the_formula_of_the_paper(model):
    model.eval()  # where one batch of both views and two batches mean the same
    ours, theirs = model.losses(views(6)), paper_losses(model, *views(6))
    assert ours.shape == (6,)
    torch.testing.assert_close(ours.double(), theirs, rtol=1e-5, atol=1e-6)
    parameters = list(model.online.parameters())
    for mine, other in zip(
        torch.autograd.grad(ours.mean(), parameters),
        torch.autograd.grad(theirs.mean(), parameters),
        strict=True,
    ):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-6)
        assert mine.abs().max() > 0


def test_training_statistics_are_over_both_views(model):
    view1, view2 = views(6)
    both = torch.cat([view1, view2])
    p = unit(model.online(both))
    t = unit(model.target(both))
    expected = ((p[:6] - t[6:]) ** 2).sum(1) + ((p[6:] - t[:6]) ** 2).sum(1)
    torch.testing.assert_close(
        model.losses([view1, view2]).double(), expected, rtol=1e-5, atol=1e-6
    )
    mean = model.loss_of_views([view1, view2], 0.0).item()
    assert mean == pytest.approx(expected.mean().item(), rel=1e-5)


def test_evaluation_loss_depends_on_its_image_alone(model):
    view1, view2 = views(6)
    model.eval()
    with torch.no_grad():
        together = model.losses([view1, view2])
        alone = torch.cat([model.losses([view1[i : i + 1], view2[i : i + 1]]) for i in range(6)])
    torch.testing.assert_close(together, alone)
    assert together.std() > 1e-3


def test_no_gradient_reaches_the_target(model):
    model.loss_of_views(views(6), 0.0).backward()
    assert all(p.grad is None and not p.requires_grad for p in model.target.parameters())
    assert all(p.grad is not None for p in model.online.parameters())


def test_target_network_starts_as_an_independent_copy():
    model = build(RECIPE, Inputs(8, 8, 3, torch.zeros(3), torch.ones(3)))
    online = dict(model.online.named_parameters())
    for name, target in model.target.named_parameters():
        assert torch.equal(target, online[name])
        assert target.data_ptr() != online[name].data_ptr()
    heads = {name.split(".")[0] for name, _ in model.target.named_parameters()}
    assert heads == {"encoder", "projector"}


def test_target_network_is_the_moving_average(model):
    before = copy.deepcopy(model)
    model.after_step(0.5)
    online = dict(before.online.named_parameters())
    old = dict(before.target.named_parameters())
    for name, new in model.target.named_parameters():
        torch.testing.assert_close(new.data, 0.9 * old[name].data + 0.1 * online[name].data)
    for name, parameter in model.online.named_parameters():
        assert torch.equal(parameter, online[name])


def test_cosine_schedule_rises_from_the_recipes_decay_to_one():
    cosine = RECIPE.model_copy(update={"target_schedule": "cosine"})
    shares = (0.0, 0.25, 0.5, 1.0)
    found = [target_decay(cosine, done) for done in shares]
    # 1 - (1 - tau) (1 + cos(pi k / K)) / 2, with tau = 0.9
    assert found == pytest.approx([0.9, 0.9146447, 0.95, 1.0])
    assert [target_decay(RECIPE, done) for done in shares] == [0.9] * 4


def test_target_network_follows_by_the_schedule(model):
    model.recipe = RECIPE.model_copy(update={"target_schedule": "cosine"})
    target = copy.deepcopy(model.target)
    model.after_step(1.0)
    for one, other in zip(model.target.parameters(), target.parameters(), strict=True):
        assert torch.equal(one, other)
    model.after_step(0.1)
    assert not torch.equal(next(model.target.parameters()), next(target.parameters()))


def test_target_network_has_its_own_running_statistics(model):
    online, target = model.online.encoder.backbone.bn1, model.target.encoder.backbone.bn1
    before = target.running_mean.clone()
    follow(model.target, model.online, 0.5)
    assert torch.equal(target.running_mean, before)  # averaging is of parameters only
    model.losses(views(6, seed=2))
    assert not torch.equal(target.running_mean, before)
    assert not torch.allclose(target.running_mean, online.running_mean)


def test_losses_equal_lightly(model):
    losses = lightly()
    model.eval()
    view1, view2 = views(6)
    with torch.no_grad():
        targets = [model.target(view) for view in (view1, view2)]
    criterion = losses.NegativeCosineSimilarity()
    theirs = criterion(model.online(view1), targets[1]) + criterion(model.online(view2), targets[0])
    ours = model.losses([view1, view2]).mean()
    torch.testing.assert_close(ours.double(), 4 + 2 * theirs, rtol=1e-5, atol=1e-5)
    parameters = list(model.online.parameters())
    for mine, other in zip(
        torch.autograd.grad(ours, parameters),
        torch.autograd.grad(2 * theirs, parameters),
        strict=True,
    ):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-6)


def test_encoder_is_that_of_the_online_network(model):
    assert model.encoder is model.online.encoder
    images = torch.randint(0, 256, (3, 8, 8, 3), dtype=torch.uint8)
    assert model.float().encoder(images).shape == (3, 6)
