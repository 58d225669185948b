import pytest
import torch
from torch.nn import functional

from coldstart.ssl.models import build_model
from coldstart.training.augment import augment
from coldstart.training.heads import UnitLinear
from tests.helpers.cases import (
    CASES,
    LOCAL,
    inputs,
    lightly,
    settled,
    views,
    with_running_statistics,
)

RECIPE = CASES["dino"]


def crops(count, seed=0, local=2):
    """Two global views of 8x8 pixels, and local ones of 6x6."""
    generator = torch.Generator().manual_seed(seed)
    seen = views(count, number=2, seed=seed)
    return [*seen, *(augment(seen[0], LOCAL, generator) for _ in range(local))]


def outputs(network, seen):
    return [network(view) for view in seen]


def test_losses_equal_the_sum_over_pairs_of_views_of_the_paper():
    model = with_running_statistics(settled(RECIPE))
    seen = crops(4)
    assert [view.shape[-1] for view in seen] == [8, 8, 6, 6]
    students = outputs(model.online, seen)
    teachers = outputs(model.target, seen[:2])
    expected = torch.zeros(4)
    for image in range(4):
        terms = []
        for t, teacher in enumerate(teachers):
            wanted = torch.softmax((teacher[image] - model.centre) / 0.07, 0)
            for s, student in enumerate(students):
                if s != t:
                    predicted = torch.softmax(student[image] / 0.1, 0)
                    terms.append(-(wanted * predicted.log()).sum())
        assert len(terms) == 6
        expected[image] = sum(terms) / 6
    torch.testing.assert_close(model.losses(seen), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("done", "temperature"), [(0.0, 0.04), (0.25, 0.055), (0.5, 0.07)])
def test_loss_equals_lightly(done, temperature):
    losses = lightly()
    model = with_running_statistics(settled(RECIPE))
    criterion = losses.DINOLoss(
        output_dim=12,
        warmup_teacher_temp=temperature,
        teacher_temp=temperature,
        warmup_teacher_temp_epochs=1,
        student_temp=0.1,
        center_momentum=0.9,
    )
    seen = crops(5)
    with torch.no_grad():
        teachers = outputs(model.target, seen[:2])
    criterion.center.copy_(model.centre.view_as(criterion.center))
    theirs = criterion(teachers, outputs(model.online, seen), epoch=1)
    ours = model.loss_of_views(seen, done)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(model.centre, criterion.center.flatten(), rtol=1e-4, atol=1e-5)
    parameters = [p for name, p in model.online.named_parameters() if "prototypes" not in name]
    for mine, other in zip(
        torch.autograd.grad(ours, parameters), torch.autograd.grad(theirs, parameters), strict=True
    ):
        torch.testing.assert_close(mine, other, rtol=1e-3, atol=1e-5)


def test_centre_follows_the_mean_of_both_global_views():
    model = with_running_statistics(settled(RECIPE))
    before, seen = model.centre.clone(), crops(5)
    with torch.no_grad():
        mean = torch.cat(outputs(model.target, seen[:2])).mean(0)
    model.loss_of_views(seen, 0.6)
    torch.testing.assert_close(model.centre, 0.9 * before + 0.1 * mean)
    assert not torch.allclose(model.centre, before)


def test_the_teachers_temperature_rises_over_the_warm_up():
    model = build_model(RECIPE, inputs(), seed=0)  # two of four epochs
    shares = (0, 0.125, 0.25, 0.5, 0.9)
    found = [model.teacher_temperature(done) for done in shares]
    assert found == pytest.approx([0.04, 0.0475, 0.055, 0.07, 0.07])
    at_once = build_model(RECIPE.model_copy(update={"teacher_warmup_epochs": 0}), inputs(), seed=0)
    assert at_once.teacher_temperature(0.0) == 0.07


@pytest.mark.parametrize(("done", "frozen"), [(0.0, True), (0.24, True), (0.25, False)])
def test_the_last_layer_is_frozen_for_the_first_epoch(done, frozen):
    model = settled(RECIPE)
    model.zero_grad()
    model.loss_of_views(crops(4), done).backward()
    weights = dict(model.online.named_parameters())
    assert (weights["head.prototypes.weight"].grad is None) == frozen
    assert all(p.grad is not None for n, p in weights.items() if n != "head.prototypes.weight")


def test_prototypes_are_unit_vectors():
    layer = UnitLinear(5, 3)
    images = torch.randn(4, 5)
    expected = images @ (layer.weight / layer.weight.norm(dim=1, keepdim=True)).T
    torch.testing.assert_close(layer(images), expected)
    normed = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(5, 3, bias=False))
    with torch.no_grad():
        normed.parametrizations.weight.original0.fill_(1)
        normed.parametrizations.weight.original1.copy_(layer.weight)
    torch.testing.assert_close(layer(images), normed(images))


def test_the_bottleneck_is_a_unit_vector():
    model = settled(RECIPE).eval()
    _, head = model.online
    vectors = head[:2](model.encoder(views(4)[0]))
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(4))


def test_the_teacher_takes_global_views_only():
    model = settled(RECIPE).eval()
    seen = crops(4)
    passed = []
    model.target.register_forward_pre_hook(lambda _, images: passed.append(images[0].shape))
    model.losses(seen)
    assert passed == [(8, 1, 8, 8)]


def test_two_global_views_without_local_ones_are_accepted():
    model = settled(RECIPE).eval()
    seen = crops(3, local=0)
    with torch.no_grad():
        teachers, students = outputs(model.target, seen), outputs(model.online, seen)
        wanted = [torch.softmax((t - model.centre) / 0.07, 1) for t in teachers]
        predicted = [functional.log_softmax(s / 0.1, 1) for s in students]
        pairs = (wanted[0] * predicted[1]).sum(1) + (wanted[1] * predicted[0]).sum(1)
        torch.testing.assert_close(model.losses(seen), -pairs / 2)
