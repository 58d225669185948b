import logging
import threading

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.backbones.resnet import ResNet
from coldstart.config.recipes.encoders import Head
from coldstart.config.recipes.encoders.pca import Pca
from coldstart.config.recipes.optimizers import Optimizer
from coldstart.ssl.encoders import pretrain
from coldstart.ssl.method import SelfSupervised
from coldstart.ssl.models import build_model, load_model
from coldstart.training.augment import augment
from coldstart.training.checkpoint import snapshot_epochs
from coldstart.training.images import Images, channel_statistics
from coldstart.training.model import Inputs
from coldstart.training.optim import learning_rate
from coldstart.training.streams import epoch_order, unlabelled
from coldstart.training.trainer import Steps, Trainer
from tests.helpers.cases import CASES, settled, views
from tests.helpers.trainings import (
    CPU,
    RECIPE,
    assert_identical,
    changed,
    result,
    with_optimizer,
)


@pytest.fixture(scope="module")
def uninterrupted(digits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    pretrain(digits, RECIPE, 5, CPU, None, folder)
    return result(folder)


def test_history_has_a_row_per_epoch(uninterrupted):
    history = uninterrupted[1]
    assert history["epoch"].tolist() == [1, 2, 3, 4]
    steps = 200 // 32
    expected = [learning_rate(RECIPE.optimizer, e * steps - 1, steps, 4) for e in (1, 2, 3, 4)]
    assert history["lr"].tolist() == expected


def test_loss_falls_during_training(digits, tmp_path):
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
    inputs = Inputs(8, 8, 1, *channel_statistics(images))
    trained = build_model(recipe, inputs, seed=3)
    history = Trainer(trained, unlabelled(Images.of(images), recipe), recipe, 3, CPU).run()

    model = build_model(recipe, inputs, seed=3).train()
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
            view1 = augment(batch, recipe.views[0], generator)
            view2 = augment(batch, recipe.views[0], generator)
            optimizer.param_groups[0]["lr"] = learning_rate(recipe.optimizer, step, 2, 2)
            loss = model.losses([view1, view2]).mean()
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


def test_model_depends_on_the_seed_alone(digits, tmp_path, uninterrupted):
    pretrain(digits, RECIPE, 5, CPU, None, tmp_path / "same")
    assert_identical(result(tmp_path / "same"), uninterrupted)
    pretrain(digits, RECIPE, 6, CPU, None, tmp_path / "other")
    other = result(tmp_path / "other")[0]
    weights = [name for name, t in other.items() if t.ndim > 1 and "normalize" not in name]
    assert not any(torch.equal(other[name], uninterrupted[0][name]) for name in weights)


def test_global_generator_is_unchanged(digits, tmp_path):
    before = torch.get_rng_state()
    pretrain(digits, changed(epochs=1), 5, CPU, None, tmp_path)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("on_gpu", [0.0, 0.4])
def test_images_in_a_file_train_the_same_model(digits, tmp_path, uninterrupted, on_gpu):
    """Some rows of a memory map, streamed or not."""
    rows = np.arange(10, 410, 2)
    array = np.zeros((500, *digits.shape[1:]), dtype=np.uint8)
    array[rows] = digits
    np.save(tmp_path / "images.npy", array)
    images = Images.open(tmp_path / "images.npy", rows)
    pretrain(images, RECIPE, 5, CPU, tmp_path / "resume", tmp_path / "out", on_gpu=on_gpu)
    assert_identical(result(tmp_path / "out"), uninterrupted)


class Linear(SelfSupervised):
    """A model whose loss is a mean over images, and that has no BatchNorm."""

    def __init__(self):
        super().__init__()
        self.online = torch.nn.Linear(64, 3, bias=False)
        with torch.no_grad():
            self.online.weight.copy_(torch.linspace(-1, 1, 192).view(3, 64))
        self.steps = 0

    @property
    def encoder(self):
        return torch.nn.Flatten()

    def losses(self, views, ids=None):
        return self.online(views[0].flatten(1)).square().sum(1)

    def after_step(self, done):
        self.steps += 1


def test_accumulated_batches_are_one_of_their_size(digits, monkeypatch):
    monkeypatch.setattr(Trainer, "_watched", lambda self: {})
    whole = changed(views=CASES["byol"].views[:1], optimizer=Optimizer(name="sgd", lr=0.01))
    parts = changed(whole, batch_size=8, accumulate=4)
    models = []
    for recipe in (whole, parts):
        model = Linear()
        trainer = Trainer(model, unlabelled(Images.of(digits), recipe), recipe, 0, CPU)
        # Draws differ, as each batch has its own; without any, only rounding does.
        monkeypatch.setattr(
            trainer.feeds["unlabelled"], "views", lambda batch: [batch.permute(0, 3, 1, 2) / 255]
        )
        history = trainer.run()
        models.append((model, history["loss"], history["lr"]))
    (one, loss, lr), (other, other_loss, other_lr) = models
    assert one.steps == other.steps == 24
    torch.testing.assert_close(one.online.weight, other.online.weight)
    np.testing.assert_allclose(loss, other_loss, rtol=1e-5)
    assert lr.tolist() == other_lr.tolist()
    assert not torch.allclose(one.online.weight, Linear().online.weight, atol=1e-3)


@pytest.mark.parametrize(
    ("images", "expected"),
    [(200, (32, 2, 3)), (64, (32, 2, 1)), (63, (32, 1, 1)), (20, (20, 1, 1))],
)
def test_number_of_steps_is_limited_by_the_images(images, expected):
    steps = Steps.of(changed(accumulate=2), images)
    assert (steps.batch, steps.parts, steps.count) == expected


def test_a_compiled_encoder_trains_the_same_model(digits, tmp_path, monkeypatch):
    recipe = changed(epochs=1, batch_size=100)
    pretrain(digits, recipe, 5, CPU, None, tmp_path / "plain")
    compiled = []

    def compile_eagerly(module):
        compiled.append(module)
        module._compiled_call_impl = torch.compile(module._call_impl, backend="eager")

    monkeypatch.setattr(torch.nn.Module, "compile", compile_eagerly)
    pretrain(digits, changed(recipe, compile=True), 5, CPU, None, tmp_path / "compiled")
    assert len(compiled) == 2  # the online network's and the target's
    assert_identical(result(tmp_path / "compiled"), result(tmp_path / "plain"))


@pytest.mark.parametrize("name", CASES)
def test_training_calls_all_compiled_modules(name):
    recipe = CASES[name]
    model, called = settled(recipe), set()
    for module in model.compiled:
        module.register_forward_hook(lambda module, *_: called.add(module))
    model.loss_of_views(views(8, number=len(recipe.views)), 0.5)
    assert called == set(model.compiled)
    compiled = {part for module in called for part in module.modules()}
    convolutions = [module for module in model.modules() if isinstance(module, torch.nn.Conv2d)]
    assert compiled.issuperset(convolutions)


def test_snapshots_equal_the_encoder_after_their_epochs(digits, tmp_path):
    recipe = changed(snapshots=3)
    pretrain(digits, recipe, 5, CPU, None, tmp_path)
    names = sorted(path.name for path in tmp_path.glob("epoch-*"))
    assert names == [f"epoch-000{epoch}.safetensors" for epoch in (1, 2, 3)]
    model = load_model(tmp_path, recipe, (8, 8, 1), CPU)
    # With a constant rate and no warm-up, the first epochs are those of a shorter training.
    steady = with_optimizer(schedule="constant", warmup_epochs=0)
    pretrain(digits, changed(steady, epochs=2), 5, CPU, None, tmp_path / "short")
    pretrain(digits, changed(steady, snapshots=1), 5, CPU, None, tmp_path / "long")
    snapshot = load_file(tmp_path / "long" / "epoch-0002.safetensors")
    short = load_model(tmp_path / "short", RECIPE, (8, 8, 1), CPU).encoder.state_dict()
    assert snapshot.keys() == model.encoder.state_dict().keys() == short.keys()
    assert all(torch.equal(snapshot[name], short[name]) for name in short)


def test_snapshots_are_evenly_spaced_before_the_end():
    assert snapshot_epochs(changed(epochs=200, snapshots=3)) == [50, 100, 150]
    assert snapshot_epochs(changed(epochs=2, snapshots=5)) == [1]
    assert snapshot_epochs(changed(epochs=1, snapshots=2)) == []
    assert snapshot_epochs(RECIPE) == []


def test_training_works_outside_the_main_thread(digits, tmp_path):
    arguments = (digits, changed(epochs=1), 5, CPU, tmp_path / "resume", tmp_path / "out")
    thread = threading.Thread(target=pretrain, args=arguments)
    thread.start()
    thread.join()
    assert len(result(tmp_path / "out")[1]) == 1


def test_a_loss_that_is_not_finite_is_an_error_that_says_where(digits, tmp_path):
    recipe = with_optimizer(lr=1e38, warmup_epochs=0, schedule="constant")
    with pytest.raises(ColdstartError, match=r"epoch 1, step \d of 6 .*rate 1e\+38.*optimizer.lr"):
        pretrain(digits, recipe, 0, CPU, tmp_path / "resume", tmp_path / "out")
    assert not (tmp_path / "resume" / "state.pt").exists()
    assert not (tmp_path / "out" / "model.safetensors").exists()


def test_weights_that_are_not_finite_after_the_last_step_are_an_error(digits, tmp_path):
    recipe = changed(optimizer=Optimizer(name="adamw", lr=1e39), epochs=1, batch_size=200)
    with pytest.raises(ColdstartError, match=r"embeddings .*epoch 1, step 1 of 1"):
        pretrain(digits, recipe, 0, CPU, None, tmp_path)
    assert not (tmp_path / "model.safetensors").exists()


def test_weights_of_heads_are_checked_too(digits, tmp_path, monkeypatch):
    def spoil(self, done):
        torch.nn.init.constant_(self.online.predictor[0].bias, np.inf)

    monkeypatch.setattr("coldstart.ssl.methods.byol.ByolModel.after_step", spoil)
    with pytest.raises(ColdstartError, match=r"weights .*epoch 1, step 1 of 1"):
        pretrain(digits, changed(epochs=1, batch_size=200), 0, CPU, None, tmp_path)
    assert not (tmp_path / "model.safetensors").exists()


def test_batch_larger_than_the_pool_is_reduced(digits, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    pretrain(digits[:5], changed(epochs=2), 0, CPU, None, tmp_path)
    assert "batch_size 32 is cut to 5 images" in caplog.text
    assert len(result(tmp_path)[1]) == 2


def test_read_only_images_are_used_without_a_warning(digits, tmp_path, recwarn):
    images = digits.copy()
    images.setflags(write=False)
    pretrain(images, changed(epochs=1), 0, CPU, None, tmp_path)
    assert not [str(w.message) for w in recwarn if "writable" in str(w.message)]


def test_each_epoch_has_another_order():
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


def test_checkpoint_is_loaded_as_trained(digits, folder):
    model = load_model(folder, RECIPE, (8, 8, 1), CPU)
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
        (changed(projector=Head(widths=[17, 8])), 1, r"projector.0.bias .*\[16\].*\[17\]"),
        (RECIPE, 3, r"conv1.weight .*\[4, 1, 3, 3\].*\[4, 3, 3, 3\]"),
        (
            changed(backbone=ResNet(family="resnet", stem="cifar", widths=[4, 8], blocks=[1, 2])),
            1,
            r"layer2.1.*file lacks",
        ),
        (Pca(method="pca", components=4), 1, r"has a tensor online.*recipe's model lacks"),
    ],
)
def test_checkpoint_of_another_recipe_is_refused_with_tensor_and_file(
    folder, recipe, channels, message
):
    with pytest.raises(ColdstartError, match=r"model\.safetensors.*" + message):
        load_model(folder, recipe, (8, 8, channels), CPU)


@pytest.mark.parametrize("damage", ["missing", "truncated"])
def test_an_unreadable_checkpoint_is_an_error_that_names_it(folder, damage):
    path = folder / "model.safetensors"
    whole = path.read_bytes()
    path.unlink()
    if damage == "truncated":
        path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ColdstartError, match=r"model\.safetensors: cannot be read.*verify --heal"):
        load_model(folder, RECIPE, (8, 8, 1), CPU)
