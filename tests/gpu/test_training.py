"""Every method's training on a GPU: the CPU's numbers, and the same ones again and again."""

import copy
import signal

import pytest
import torch
from safetensors.torch import load_file

from coldstart.ssl.encoders import pretrain
from coldstart.ssl.methods.vae import VaeModel
from coldstart.training.device import place, use_bf16
from tests.helpers.cases import CASES, settled, views
from tests.helpers.trainings import (
    assert_identical,
    changed,
    interrupt,
    load_images,
    result,
    send,
    start_of,
)

IMAGES = load_images(96)


def train(gpu, recipe, folder, **more):
    start = start_of(recipe, IMAGES, folder.parent)
    pretrain(IMAGES, recipe, 5, gpu, None, folder, start=start, **more)
    return result(folder)


@pytest.mark.parametrize("name", CASES)
def test_training_step_equals_that_of_the_cpu(name, gpu, float32, monkeypatch):
    recipe = CASES[name]
    seen = views(12, number=len(recipe.views), seed=7)
    noise = torch.randn(12, 6, generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr(VaeModel, "_noise", lambda self, codes, done: noise.to(codes.device))
    models = [copy.deepcopy(settled(recipe)), place(copy.deepcopy(settled(recipe)), gpu)]
    losses = []
    for model, device in zip(models, (torch.device("cpu"), gpu), strict=True):
        loss = model.loss_of_views([view.to(device) for view in seen], 0.5)
        loss.backward()
        model.after_step(0.5)
        losses.append(loss.detach().cpu())
    torch.testing.assert_close(losses[1], losses[0], rtol=1e-4, atol=1e-5)
    one, other = (dict(model.named_parameters()) for model in models)
    for key, parameter in one.items():
        if parameter.grad is not None:
            torch.testing.assert_close(
                other[key].grad.cpu(), parameter.grad, rtol=1e-3, atol=1e-4, msg=key
            )
    other = models[1].state_dict()
    for key, tensor in models[0].state_dict().items():
        torch.testing.assert_close(other[key].cpu(), tensor, rtol=1e-3, atol=1e-4, msg=key)


@pytest.mark.parametrize("name", CASES)
def test_deterministic_training_is_bit_identical_after_a_kill(
    name, gpu, deterministic, tmp_path, monkeypatch
):
    recipe = changed(CASES[name], epochs=3)
    whole = train(gpu, recipe, tmp_path / "whole")
    assert_identical(train(gpu, recipe, tmp_path / "again"), whole)
    start = start_of(recipe, IMAGES, tmp_path)
    resume, out = tmp_path / "resume", tmp_path / "out"
    with monkeypatch.context() as patch:
        interrupt(patch, 5, send(signal.SIGTERM))
        with pytest.raises(SystemExit):
            pretrain(IMAGES, recipe, 5, gpu, resume, out, start=start)
    pretrain(IMAGES, recipe, 5, gpu, resume, out, start=start)
    assert_identical(result(out), whole)


@pytest.mark.parametrize("name", ["simclr", "scan"])
def test_streamed_images_give_the_same_result(name, gpu, deterministic, tmp_path):
    recipe = changed(CASES[name], epochs=2)
    resident = train(gpu, recipe, tmp_path / "resident")
    assert_identical(train(gpu, recipe, tmp_path / "streamed", on_gpu=0.0), resident)


@pytest.mark.parametrize("name", CASES)
def test_bf16_is_close_to_float32(name, gpu, tmp_path):
    if not use_bf16("auto", gpu):
        pytest.skip("this GPU has no bf16")
    plain = train(gpu, CASES[name], tmp_path / "fp32")
    short = train(gpu, changed(CASES[name], precision="auto"), tmp_path / "bf16")
    assert short[0].keys() == plain[0].keys()
    assert any(not torch.equal(short[0][key], plain[0][key]) for key in plain[0])
    assert short[1]["loss"].iloc[-1] == pytest.approx(plain[1]["loss"].iloc[-1], rel=0.2, abs=0.05)


def test_compiled_encoder_trains_almost_the_same(gpu, float32, tmp_path):
    recipe = changed(CASES["byol"], epochs=2)
    plain = train(gpu, recipe, tmp_path / "plain")
    compiled = train(gpu, changed(recipe, compile=True), tmp_path / "compiled")
    assert compiled[0].keys() == plain[0].keys()
    assert compiled[1]["loss"].iloc[-1] == pytest.approx(plain[1]["loss"].iloc[-1], rel=0.02)


@pytest.mark.parametrize("name", CASES)
def test_two_gpus_give_the_same_model_as_one(name, gpu, float32, tmp_path):
    if torch.cuda.device_count() < 2:
        pytest.skip("needs two GPUs")
    recipe = changed(CASES[name], epochs=2)
    alone = train(gpu, recipe, tmp_path / "alone")
    both = train(torch.device("cuda"), recipe, tmp_path / "both", processes=2)
    for key, tensor in alone[0].items():
        torch.testing.assert_close(both[0][key], tensor, rtol=2e-2, atol=2e-3, msg=key)
    assert both[1]["loss"].iloc[-1] == pytest.approx(alone[1]["loss"].iloc[-1], rel=1e-2)


def test_checkpoint_of_a_gpu_loads_on_any_machine(gpu, tmp_path):
    train(gpu, changed(CASES["moco-v2"], epochs=1), tmp_path)
    assert all(tensor.is_cpu for tensor in load_file(tmp_path / "model.safetensors").values())
