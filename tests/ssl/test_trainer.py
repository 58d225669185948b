import logging
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from sklearn.datasets import load_digits

from coldstart.config.encoders import Augmentation, Backbone, Byol, Crop, Head, Optimizer, Pca
from coldstart.errors import ColdstartError
from coldstart.ssl import resume, trainer
from coldstart.ssl.augment import augment
from coldstart.ssl.optim import learning_rate
from coldstart.ssl.pretrain import build_model, load_model, pretrain
from coldstart.ssl.trainer import Trainer, channel_statistics, epoch_order

CPU = torch.device("cpu")
RECIPE = Byol(
    method="byol",
    backbone=Backbone(stem="cifar", widths=[4, 8], blocks=[1, 1]),
    projector=Head(hidden=16, out=8),
    predictor=Head(hidden=16, out=8),
    target_decay=0.95,
    augmentation=Augmentation(transforms=[Crop(op="crop", scale=[0.5, 1.0])]),
    optimizer=Optimizer(name="adamw", lr=3e-3, schedule="cosine", warmup_epochs=1),
    epochs=4,
    batch_size=32,
    precision="fp32",
)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Threads cost more than they save on nets this small, most of all on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def changed(**fields):
    return RECIPE.model_copy(update=fields)


def with_optimizer(**fields):
    return changed(optimizer=RECIPE.optimizer.model_copy(update=fields))


@pytest.fixture(scope="module")
def digits():
    images = load_digits().images[:200]
    return np.minimum(images * 16, 255).astype(np.uint8)[..., None]


def result(folder):
    """Weights and history of a finished training, without what the clock said."""
    history = pd.read_parquet(folder / "history.parquet")
    assert (history["images_per_second"] > 0).all()
    return load_file(folder / "model.safetensors"), history.drop(columns="images_per_second")


@pytest.fixture(scope="module")
def uninterrupted(digits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    pretrain(digits, RECIPE, 5, CPU, None, folder)
    return result(folder)


def assert_identical(one, other):
    assert one[0].keys() == other[0].keys()
    assert all(torch.equal(one[0][name], other[0][name]) for name in one[0])
    pd.testing.assert_frame_equal(one[1], other[1], check_exact=True)


def interrupt(monkeypatch, after, action):
    """Call ``action`` within the training's step number ``after``, counted from one."""
    plain, count = trainer.Trainer._train_step, iter(range(1, 10**6))

    def step(self, order):
        if next(count) == after:
            action()
        plain(self, order)

    monkeypatch.setattr(trainer.Trainer, "_train_step", step)


def test_history_has_a_row_per_epoch(uninterrupted):
    history = uninterrupted[1]
    assert history["epoch"].tolist() == [1, 2, 3, 4]
    steps = 200 // 32
    expected = [learning_rate(RECIPE.optimizer, e * steps - 1, steps, 4) for e in (1, 2, 3, 4)]
    assert history["lr"].tolist() == expected


def test_loss_falls(digits, tmp_path):
    pretrain(digits, changed(epochs=12), 0, CPU, None, tmp_path)
    loss = result(tmp_path)[1]["loss"]
    assert loss.between(0, 8).all()
    assert loss.iloc[-1] < 0.6 * loss.iloc[0]


def test_trainer_equals_a_plain_loop(digits):
    """The same steps with a textbook loop: one tensor at a time, in the plain memory layout."""
    # Small steps of SGD: Adam divides by the gradient, and ReLUs flip, so rounding would grow.
    optimizer = Optimizer(name="sgd", lr=0.01, weight_decay=1e-3, schedule="cosine")
    recipe = changed(epochs=2, batch_size=64, optimizer=optimizer)
    images = digits[:130]
    statistics = channel_statistics(images)
    trained = build_model(recipe, 1, *statistics, seed=3)
    history = Trainer(trained, images, recipe, 3, CPU, None).run()

    model = build_model(recipe, 1, *statistics, seed=3).train()
    optimizer = torch.optim.SGD(
        model.online.parameters(), momentum=0.9, weight_decay=1e-3, foreach=False, fused=False
    )
    losses = []
    for epoch in range(2):
        order = epoch_order(130, 3, epoch)
        for i in range(2):
            step = 2 * epoch + i
            batch = digits[order[64 * i : 64 * (i + 1)].numpy()]
            batch = torch.from_numpy(batch.transpose(0, 3, 1, 2).astype(np.float32) / 255)
            seed = int(np.random.SeedSequence((3, 1, step)).generate_state(1, np.uint64)[0])
            generator = torch.Generator().manual_seed(seed)
            view1 = augment(batch, recipe.augmentation, generator)
            view2 = augment(batch, recipe.augmentation, generator)
            optimizer.param_groups[0]["lr"] = learning_rate(recipe.optimizer, step, 2, 2)
            loss = model.losses(view1, view2).mean()
            losses.append(loss.item())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                for name, target in model.target.named_parameters():
                    online = model.online.get_parameter(name)
                    target.copy_(0.95 * target + 0.05 * online)
    np.testing.assert_allclose(history["loss"], np.reshape(losses, (2, 2)).mean(1), rtol=1e-4)
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(trained.state_dict()[name], tensor, rtol=1e-4, atol=1e-5)


def test_same_seed_same_model_and_another_seed_another(digits, tmp_path, uninterrupted):
    pretrain(digits, RECIPE, 5, CPU, None, tmp_path / "same")
    assert_identical(result(tmp_path / "same"), uninterrupted)
    pretrain(digits, RECIPE, 6, CPU, None, tmp_path / "other")
    other = result(tmp_path / "other")[0]
    weights = [name for name, t in other.items() if t.ndim > 1 and "normalize" not in name]
    assert not any(torch.equal(other[name], uninterrupted[0][name]) for name in weights)


def test_global_generator_is_left_alone(digits, tmp_path):
    before = torch.get_rng_state()
    pretrain(digits, changed(epochs=1), 5, CPU, None, tmp_path)
    assert torch.equal(torch.get_rng_state(), before)


KILLED = """
import os, signal, sys, torch
from pathlib import Path
sys.path.insert(0, {tests!r})
import test_trainer as t
from _pytest.monkeypatch import MonkeyPatch
torch.set_num_threads({threads})
t.interrupt(MonkeyPatch(), 15, lambda: os.kill(os.getpid(), signal.SIGKILL))
images = t.np.load({images!r})
t.pretrain(images, t.RECIPE, 5, t.CPU, Path({resume!r}), Path({out!r}))
"""


def test_resumed_after_sigkill_is_bit_identical(digits, tmp_path, uninterrupted):
    np.save(tmp_path / "images.npy", digits)
    code = KILLED.format(
        tests=os.path.dirname(__file__),
        threads=torch.get_num_threads(),
        images=str(tmp_path / "images.npy"),
        resume=str(tmp_path / "resume"),
        out=str(tmp_path / "out"),
    )
    paths = os.pathsep.join(path for path in sys.path if path)
    environment = {**os.environ, "PYTHONPATH": paths}
    process = subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert process.returncode == -signal.SIGKILL
    state = torch.load(tmp_path / "resume" / "state.pt", weights_only=True)
    assert (state["epoch"], state["step"]) == (2, 0)  # 6 steps an epoch, killed in the 15th
    assert not (tmp_path / "out" / "model.safetensors").exists()
    pretrain(digits, RECIPE, 5, CPU, tmp_path / "resume", tmp_path / "out")
    assert_identical(result(tmp_path / "out"), uninterrupted)
    assert not (tmp_path / "resume").exists()


@pytest.mark.parametrize("after", [9, 12, 24])
def test_resumed_after_sigterm_is_bit_identical(
    digits, tmp_path, uninterrupted, monkeypatch, after
):
    handler = signal.getsignal(signal.SIGTERM)
    interrupt(monkeypatch, after, lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(SystemExit) as stopped:
        pretrain(digits, RECIPE, 5, CPU, tmp_path / "resume", tmp_path / "out")
    assert stopped.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is handler
    state = torch.load(tmp_path / "resume" / "state.pt", weights_only=True)
    assert state["epoch"] * 6 + state["step"] == after
    pretrain(digits, RECIPE, 5, CPU, tmp_path / "resume", tmp_path / "out")
    assert_identical(result(tmp_path / "out"), uninterrupted)


def test_trains_outside_the_main_thread(digits, tmp_path):
    arguments = (digits, changed(epochs=1), 5, CPU, tmp_path / "resume", tmp_path / "out")
    thread = threading.Thread(target=pretrain, args=arguments)
    thread.start()
    thread.join()
    assert len(result(tmp_path / "out")[1]) == 1


def stopped_after(monkeypatch, after, images, recipe, seed, folder):
    with monkeypatch.context() as patch:
        interrupt(patch, after, lambda: os.kill(os.getpid(), signal.SIGTERM))
        with pytest.raises(SystemExit):
            pretrain(images, recipe, seed, CPU, folder / "resume", folder / "out")


@pytest.mark.parametrize("other", ["recipe", "seed", "images"])
def test_a_state_of_another_training_is_passed_over(
    digits, tmp_path, uninterrupted, monkeypatch, caplog, other
):
    recipe = with_optimizer(lr=1e-3) if other == "recipe" else RECIPE
    images = digits[::-1] if other == "images" else digits
    stopped_after(monkeypatch, 9, images, recipe, 6 if other == "seed" else 5, tmp_path)
    caplog.clear()
    pretrain(digits, RECIPE, 5, CPU, tmp_path / "resume", tmp_path / "out")
    assert "another recipe, seed or images; training starts anew" in caplog.text
    assert_identical(result(tmp_path / "out"), uninterrupted)


@pytest.mark.parametrize("damage", ["truncated", "garbage", "empty", "foreign"])
def test_a_damaged_state_is_passed_over(digits, tmp_path, monkeypatch, caplog, damage):
    recipe = changed(epochs=1)
    stopped_after(monkeypatch, 2, digits, recipe, 5, tmp_path)
    state = tmp_path / "resume" / "state.pt"
    whole = state.read_bytes()
    if damage == "foreign":
        torch.save([1, 2], state)
    else:
        spoilt = {"truncated": whole[: len(whole) // 2], "garbage": b"\x80x" * 99, "empty": b""}
        state.write_bytes(spoilt[damage])
    caplog.clear()
    pretrain(digits, recipe, 5, CPU, tmp_path / "resume", tmp_path / "out")
    assert "cannot be read" in caplog.text
    assert len(result(tmp_path / "out")[1]) == 1


def test_a_state_half_written_leaves_the_last_one(tmp_path, monkeypatch):
    path = tmp_path / "state.pt"
    resume.save_state(path, {"training": "t", "epoch": 1})

    def fail(descriptor):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        resume.save_state(path, {"training": "t", "epoch": 2})
    assert resume.load_state(path, "t", CPU) == {"training": "t", "epoch": 1}


def test_a_state_never_executes_code(tmp_path, caplog):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "pwned"),)

    torch.save({"training": "t", "model": Evil()}, tmp_path / "state.pt")
    assert resume.load_state(tmp_path / "state.pt", "t", CPU) is None
    assert not (tmp_path / "pwned").exists()


def test_a_loss_that_is_not_finite_is_an_error_that_says_where(digits, tmp_path):
    recipe = with_optimizer(lr=1e38, warmup_epochs=0, schedule="constant")
    with pytest.raises(ColdstartError, match=r"epoch 1, step \d of 6 .*rate 1e\+38.*optimizer.lr"):
        pretrain(digits, recipe, 0, CPU, tmp_path / "resume", tmp_path / "out")
    assert not (tmp_path / "resume" / "state.pt").exists()
    assert not (tmp_path / "out" / "model.safetensors").exists()


def test_weights_that_the_last_step_spoilt_are_an_error(digits, tmp_path):
    optimizer = Optimizer(name="adamw", lr=1e39)
    recipe = changed(optimizer=optimizer, epochs=1, batch_size=200)
    with pytest.raises(ColdstartError, match=r"weights .*epoch 1, step 1 of 1"):
        pretrain(digits, recipe, 0, CPU, None, tmp_path)
    assert not (tmp_path / "model.safetensors").exists()


def test_a_batch_larger_than_the_pool_is_cut(digits, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    pretrain(digits[:5], changed(epochs=2), 0, CPU, None, tmp_path)
    assert "batch_size 32 is cut to the 5 images" in caplog.text
    assert len(result(tmp_path)[1]) == 2


def test_read_only_images_are_used_without_a_warning(digits, tmp_path, recwarn):
    images = digits.copy()
    images.setflags(write=False)
    pretrain(images, changed(epochs=1), 0, CPU, None, tmp_path)
    assert not [str(w.message) for w in recwarn if "writable" in str(w.message)]


def test_channel_statistics_are_the_pixels():
    images = np.random.default_rng(0).integers(0, 256, (1500, 4, 3, 3), dtype=np.uint8)
    images[..., 2] = 7
    mean, std = channel_statistics(images)
    np.testing.assert_allclose(mean, (images / 255).mean((0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(std[:2], (images / 255).std((0, 1, 2))[:2], rtol=1e-9)
    assert std[2] == 1


def test_each_epoch_has_its_own_order():
    first, second = epoch_order(50, 1, 0), epoch_order(50, 1, 1)
    assert torch.equal(first.sort().values, torch.arange(50))
    assert not torch.equal(first, second)
    assert not torch.equal(first, epoch_order(50, 2, 0))
    assert torch.equal(first, epoch_order(50, 1, 0))


def test_bf16_computes_in_bf16_and_keeps_float32_weights(digits, tmp_path):
    pretrain(digits[:64], changed(epochs=1, precision="bf16"), 5, CPU, None, tmp_path / "bf16")
    pretrain(digits[:64], changed(epochs=1, precision="fp32"), 5, CPU, None, tmp_path / "fp32")
    (low, low_history), (_, full_history) = (result(tmp_path / p) for p in ("bf16", "fp32"))
    assert low_history["loss"][0] != full_history["loss"][0]
    assert low_history["loss"][0] == pytest.approx(full_history["loss"][0], rel=0.05)
    assert {t.dtype for t in low.values()} == {torch.float32, torch.int64}


@pytest.fixture
def folder(digits, tmp_path):
    pretrain(digits[:64], changed(epochs=1), 5, CPU, None, tmp_path)
    return tmp_path


def test_a_model_loads_as_it_was_trained(digits, folder):
    model = load_model(folder, RECIPE, 1, CPU)
    stored = load_file(folder / "model.safetensors")
    assert all(torch.equal(tensor, stored[name]) for name, tensor in model.state_dict().items())
    assert not model.training
    mean, std = channel_statistics(digits[:64])
    torch.testing.assert_close(model.encoder.normalize.mean.flatten(), mean.float())
    torch.testing.assert_close(model.encoder.normalize.std.flatten(), std.float())
    with torch.no_grad():
        embeddings = model.encoder(torch.from_numpy(digits[:7]))
    assert embeddings.shape == (7, 8)
    assert embeddings.dtype == torch.float32


@pytest.mark.parametrize(
    ("recipe", "channels", "message"),
    [
        (changed(projector=Head(hidden=17, out=8)), 1, r"projector.0.bias .*\[16\].*\[17\]"),
        (RECIPE, 3, r"conv1.weight .*\[4, 1, 3, 3\].*\[4, 3, 3, 3\]"),
        (
            changed(backbone=Backbone(stem="cifar", widths=[4, 8], blocks=[1, 2])),
            1,
            r"layer2.1.*file lacks",
        ),
        (Pca(method="pca", components=4), 1, "encoder.components, which the file lacks"),
    ],
)
def test_another_recipe_names_tensor_and_file(folder, recipe, channels, message):
    with pytest.raises(ColdstartError, match=r"model\.safetensors.*" + message):
        load_model(folder, recipe, channels, CPU)


@pytest.mark.parametrize("damage", ["missing", "truncated"])
def test_an_unreadable_checkpoint_is_an_error_that_names_it(folder, damage):
    path = folder / "model.safetensors"
    whole = path.read_bytes()
    path.unlink()
    if damage == "truncated":
        path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ColdstartError, match=r"model\.safetensors: cannot be read"):
        load_model(folder, RECIPE, 1, CPU)
