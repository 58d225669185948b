"""Properties of the models of all methods, whatever their loss."""

import copy

import pytest
import torch

from coldstart.ssl.method import Bank, Contrastive
from coldstart.ssl.models import MODEL, load_model
from coldstart.training.checkpoint import save_tensors
from tests.helpers.cases import CASES, settled, views

pytestmark = pytest.mark.parametrize("name", CASES)


def scored(model, seen, ids=None):
    """The losses in evaluation mode, against a bank where the method has one."""
    model.eval()
    if isinstance(model, Contrastive):
        with torch.no_grad():
            model.bank = Bank(model.keys(views(10, seed=50)[0]), torch.arange(100, 110))
    ids = torch.arange(len(seen[0])) if ids is None else ids
    with torch.no_grad():
        return model.losses(seen, ids)


def seen_by(recipe, count, seed=0):
    return views(count, number=len(recipe.views), seed=seed)


def test_evaluation_loss_depends_on_its_image_alone(name):
    recipe = CASES[name]
    model, seen = settled(recipe), seen_by(recipe, 6)
    together = scored(model, seen)
    alone = [scored(model, [v[i : i + 1] for v in seen], torch.tensor([i])) for i in range(6)]
    assert together.shape == (6,)
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-4, atol=1e-5)
    assert together.std() > 1e-3 * together.abs().mean() > 0


def test_evaluation_changes_no_tensor(name):
    recipe = CASES[name]
    model = settled(recipe)
    before = copy.deepcopy(model.state_dict())
    scored(model, seen_by(recipe, 6))
    assert all(torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items())


def test_the_order_of_a_batch_does_not_matter(name):
    if name == "vae":
        pytest.skip("the noise of its codes is drawn by the place in the batch")
    recipe = CASES[name]
    model, seen = settled(recipe), seen_by(recipe, 8)
    order = torch.tensor([3, 0, 7, 5, 1, 2, 6, 4])
    other = copy.deepcopy(model)
    torch.manual_seed(0)
    one = model.loss_of_views(seen, 0.5)
    torch.manual_seed(0)
    shuffled = other.loss_of_views([view[order] for view in seen], 0.5)
    torch.testing.assert_close(one, shuffled, rtol=1e-4, atol=1e-5)


def test_gradients_reach_all_of_the_online_network_and_nothing_else(name):
    recipe = CASES[name]
    model = settled(recipe)
    model.zero_grad()
    model.loss_of_views(seen_by(recipe, 8), 0.5).backward()
    online = {id(parameter) for parameter in model.online.parameters()}
    for parameter in model.parameters():
        reached = parameter.grad is not None
        assert reached == parameter.requires_grad == (id(parameter) in online)
    assert not any(buffer.requires_grad for buffer in model.buffers())


def test_gradients_in_bf16_are_close_to_float32(name):
    recipe = CASES[name]
    gradients = []
    for low in (False, True):
        model = settled(recipe)
        model.zero_grad()
        torch.manual_seed(0)
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            loss = model.loss_of_views(seen_by(recipe, 8), 0.5)
        loss.backward()
        trained = [parameter for parameter in model.online.parameters() if parameter.requires_grad]
        assert all(parameter.grad is not None for parameter in trained)
        gradients.append(torch.cat([parameter.grad.flatten() for parameter in trained]))
    assert not torch.equal(*gradients)
    assert torch.cosine_similarity(*gradients, dim=0) > 0.95


def test_saved_model_is_loaded_unchanged(name, tmp_path):
    recipe = CASES[name]
    model, seen = settled(recipe), seen_by(recipe, 5)
    save_tensors(model, tmp_path / MODEL)
    loaded = load_model(tmp_path, recipe, (8, 8, 1), torch.device("cpu"))
    assert not loaded.training
    states = model.state_dict(), loaded.state_dict()
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    torch.testing.assert_close(scored(loaded, seen), scored(model, seen), rtol=1e-4, atol=1e-5)


def test_state_of_a_training_is_complete(name):
    recipe = CASES[name]
    model, other = settled(recipe), settled(recipe, steps=1)
    other.load_state_dict(model.state_dict())
    for step in range(2):
        seen = seen_by(recipe, 8, seed=step)
        losses = []
        for one in (model, other):
            torch.manual_seed(step)
            losses.append(one.loss_of_views(seen, 0.5))
            one.after_step(0.5)
        assert torch.equal(*losses)
    assert all(
        torch.equal(tensor, other.state_dict()[key]) for key, tensor in model.state_dict().items()
    )
