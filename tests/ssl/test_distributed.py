import copy
import signal

import numpy as np
import pytest
import torch
from torch import distributed, nn

from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.augmentations import Augmentation
from coldstart.config.recipes.augmentations.blur import Blur
from coldstart.config.recipes.augmentations.crop import Crop
from coldstart.config.recipes.augmentations.flip import Flip
from coldstart.config.recipes.augmentations.grey import Grey
from coldstart.config.recipes.augmentations.jitter import Jitter
from coldstart.config.recipes.augmentations.rand_augment import RandAugment
from coldstart.config.recipes.optimizers import Optimizer
from coldstart.ssl import encoders as pretrain
from coldstart.ssl.models import build_model
from coldstart.ssl.request import Request
from coldstart.training import distributed as module
from coldstart.training.augment import augment
from coldstart.training.distributed import (
    anywhere,
    gather,
    of_first,
    rank,
    synchronise,
    total,
    world,
)
from coldstart.training.images import Images
from coldstart.training.neighbours import nearest
from coldstart.training.resume import Keeper
from coldstart.training.streams import unlabelled
from coldstart.training.trainer import Steps, Trainer
from tests.helpers.cases import CASES, inputs
from tests.helpers.trainings import CPU, changed, interrupt, result, send, together


def part(tensor):
    """This process's rows."""
    return tensor.chunk(world())[rank()]


# --- Operations ---

DATA = torch.randn(6, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
SHIFT = torch.linspace(1, 2, 18, dtype=torch.float64).view(6, 3)


def of_own_rows(weight):
    """A loss of this process's rows against all rows, whose mean over processes is that of one."""
    own = part(DATA) * weight
    keys = gather(own.tanh())
    return (own @ keys.T * part(SHIFT)[:, :1]).square().mean()


def of_all_rows(weight):
    """A loss of a statistic of the whole batch, the same in every process."""
    own = part(DATA) * weight
    mean = total(own.exp().sum(0)) / len(DATA)
    return (mean * SHIFT[0]).square().sum() + gather(own * part(SHIFT)).prod(1).sum()


def gradients():
    found = {}
    for function in (of_own_rows, of_all_rows):
        weight = torch.ones(3, dtype=torch.float64, requires_grad=True)
        loss = function(weight)
        loss.backward()
        # As DistributedDataParallel does.
        found[function.__name__] = (
            total(loss.detach()) / world(),
            total(weight.grad) / world(),
        )
    return found


def operations():
    values = gradients()
    values["gathered"] = gather(torch.full((2, 3), rank()))
    values["total"] = total(torch.tensor([1.0, rank()]))
    values["anywhere"] = [anywhere(rank() == 1), anywhere(False)]
    values["of first"] = of_first({"rank": torch.tensor(rank())} if rank() == 0 else None)
    return values


def test_distributed_operations_and_gradients_equal_those_of_one_process(tmp_path):
    alone, both = gradients(), together(operations, tmp_path)
    for found in both:
        for name, (loss, gradient) in alone.items():
            torch.testing.assert_close(found[name][0], loss)
            torch.testing.assert_close(found[name][1], gradient)
            assert gradient.abs().min() > 1e-3
        assert found["gathered"][:, 0].tolist() == [0, 0, 1, 1]
        assert found["total"].tolist() == [2.0, 1.0]
        assert found["anywhere"] == [True, False]
        assert found["of first"] == {"rank": torch.tensor(0)}


def test_single_process_changes_nothing():
    tensor = torch.ones(2, requires_grad=True)
    assert gather(tensor) is tensor
    assert total(tensor) is tensor
    assert of_first(tensor) is tensor
    assert (rank(), world(), anywhere(True), anywhere(False)) == (0, 1, True, False)


# --- BatchNorm ---

NORMS = {
    "vectors": (nn.BatchNorm1d(3), (8, 3)),
    "images": (nn.BatchNorm2d(4), (6, 4, 3, 5)),
    "plain": (nn.BatchNorm2d(2, affine=False), (4, 2, 2, 2)),
    "cumulative": (nn.BatchNorm1d(3, momentum=None), (4, 3)),
    "untracked": (nn.BatchNorm1d(3, track_running_stats=False), (4, 3)),
}


def normalised():
    """Outputs, gradients and running statistics after two batches of the parts of this process."""
    found = {}
    for name, (norm, shape) in NORMS.items():
        model = nn.Sequential(copy.deepcopy(norm)).double().train()
        if world() > 1:
            synchronise(model, CPU)
            assert isinstance(model[0], module.SynchronisedBatchNorm)
        generator = torch.Generator().manual_seed(1)
        for parameter in model.parameters():
            nn.init.normal_(parameter, generator=generator)
        for _ in range(2):
            whole = 3 + 2 * torch.randn(shape, generator=generator, dtype=torch.float64)
            weights = torch.randn(shape, generator=generator, dtype=torch.float64)
            seen = part(whole).requires_grad_()
            model.zero_grad()
            outputs = model(seen)
            (outputs.square() * part(weights)).sum().backward()
        found[name] = {
            "outputs": gather(outputs.detach()),
            "gradient": gather(seen.grad),
            **{f"d {key}": total(p.grad) for key, p in model.named_parameters()},
            **model.state_dict(),
            "evaluated": model.eval()(whole).detach(),
        }
    return found


def test_synchronised_batch_norm_equals_that_of_the_whole_batch(tmp_path):
    alone, both = normalised(), together(normalised, tmp_path)
    for found in both:
        for name, values in alone.items():
            assert found[name].keys() == values.keys()
            for key, value in values.items():
                torch.testing.assert_close(found[name][key], value, msg=f"{name} {key}")


@pytest.mark.parametrize(
    ("device", "kind"), [("cpu", module.SynchronisedBatchNorm), ("cuda", nn.SyncBatchNorm)]
)
def test_synchronising_keeps_tensors_names_and_modes(device, kind):
    model = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.BatchNorm1d(3)), nn.BatchNorm1d(3))
    model[2].eval()
    before = dict(model.state_dict(keep_vars=True))
    synchronise(model, torch.device(device))
    assert type(model[1][0]) is type(model[2]) is kind
    after = model.state_dict(keep_vars=True)
    assert list(after) == list(before)
    assert all(after[name] is before[name] for name in before)
    assert model[1][0].training
    assert not model[2].training
    if device == "cpu":
        torch.testing.assert_close(model.train()(torch.ones(4, 2)), torch.zeros(4, 3))


# --- Augmentation ---

TRANSFORMS = [
    Crop(op="crop", scale=[0.2, 1.0]),
    Flip(op="flip"),
    Jitter(op="jitter", brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1, probability=0.8),
    Grey(op="grey", probability=0.3),
    Blur(op="blur", probability=0.5, sigma=[0.1, 2.0]),
]


STRONG = [Flip(op="flip"), RandAugment(op="rand-augment", count=4)]


@pytest.mark.parametrize("transforms", [TRANSFORMS, STRONG])
@pytest.mark.parametrize("scope", ["image", "batch"])
def test_views_of_a_part_equal_those_of_the_whole_batch(scope, transforms):
    recipe = Augmentation(transforms=transforms, scope=scope)
    images = torch.rand(12, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    whole = augment(images, recipe, torch.Generator().manual_seed(3))
    generator = torch.Generator().manual_seed(3)
    own = augment(images[4:9], recipe, generator, first=4, batch=12)
    torch.testing.assert_close(own, whole[4:9], rtol=0, atol=1e-5)
    assert not torch.allclose(own, images[4:9], atol=1e-2)
    rest = torch.Generator().manual_seed(3)
    augment(images, recipe, rest)
    assert torch.equal(generator.get_state(), rest.get_state())


# --- Training ---

NAMES = list(CASES)


def train(digits, name):
    # SGD: where a gradient is all but nought, Adam makes a step of the noise.
    optimizer = Optimizer(name="sgd", lr=0.03, schedule="cosine")
    recipe = changed(CASES[name], epochs=2, optimizer=optimizer, accumulate=1 + (name == "byol"))
    model, images = build_model(recipe, inputs(), seed=1), digits[:100]
    pixels = torch.from_numpy(images).flatten(1).float()
    neighbours = nearest(pixels, recipe.neighbours) if name == "scan" else None
    history = Trainer(
        model, unlabelled(Images.of(images), recipe, neighbours), recipe, 1, CPU
    ).run()
    return model.state_dict(), history.drop(columns="images_per_second").to_dict("list")


@pytest.fixture(scope="module")
def trained_together(digits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("together")
    return together(lambda: {name: train(digits, name) for name in NAMES}, folder)


@pytest.mark.parametrize("name", NAMES)
def test_two_processes_give_the_same_model_as_one(name, digits, trained_together):
    state, history = train(digits, name)
    untrained = build_model(CASES[name], inputs(), seed=1).state_dict()
    for found_state, found_history in (found[name] for found in trained_together):
        assert found_state.keys() == state.keys()
        for key, value in state.items():
            torch.testing.assert_close(found_state[key], value, rtol=2e-3, atol=2e-4, msg=key)
        for column in ("epoch", "loss", "lr"):
            np.testing.assert_allclose(found_history[column], history[column], rtol=1e-4)
    first = trained_together[0][name][1]
    for column in ("embedding_std", "effective_rank"):
        np.testing.assert_allclose(first[column], history[column], rtol=1e-2)
    moved = [(state[key] - untrained[key]).abs().max() for key in state if state[key].ndim > 1]
    assert max(moved) > 0.005  # far more than what the two may differ by


def test_a_batch_that_does_not_divide_is_an_error(digits, monkeypatch):
    monkeypatch.setattr("coldstart.training.trainer.world", lambda: 3)
    with pytest.raises(ColdstartError, match=r"batches of 32 images do not divide among 3 proc"):
        Trainer(
            build_model(CASES["byol"], inputs(), 1),
            unlabelled(Images.of(digits), CASES["byol"]),
            CASES["byol"],
            1,
            CPU,
        )


def test_batch_limited_by_the_images_is_made_divisible(digits, monkeypatch):
    monkeypatch.setattr("coldstart.training.trainer.world", lambda: 3)
    steps = Steps.of(changed(CASES["byol"], batch_size=1000), 100)
    assert (steps.batch, steps.parts, steps.count) == (99, 1, 1)
    with pytest.raises(ColdstartError, match=r"batches of 2 images do not divide among 3 proc"):
        Steps.of(changed(CASES["byol"], batch_size=1000), 2)


def stopped_and_resumed(digits, folder):
    """A training of which one process got SIGTERM in the ninth step, and another has the state."""
    images = Images.of(digits)
    recipe = changed(CASES["byol"], optimizer=Optimizer(name="sgd", lr=0.01))
    keeper, out = Keeper(folder / f"resume-{rank()}", "same"), folder / "out"
    request = Request(images, recipe, inputs(), 5, keeper, out, on_gpu=0.4, start=None)
    with pytest.MonkeyPatch.context() as patch:
        if rank() == 1:
            interrupt(patch, 9, send(signal.SIGTERM))
        with pytest.raises(SystemExit) as stopped:
            pretrain.train(request, CPU)
    assert stopped.value.code == 143
    distributed.barrier()
    state = keeper.load(CPU)
    if rank() == 0:
        assert (state["epoch"], state["step"]) == (1, 3)
    else:
        assert state is None
    out.mkdir(exist_ok=True)
    pretrain.train(request, CPU)
    return True


def test_all_processes_stop_in_the_same_step_and_resume(digits, tmp_path):
    together(lambda: stopped_and_resumed(digits, tmp_path), tmp_path)
    recipe = changed(CASES["byol"], optimizer=Optimizer(name="sgd", lr=0.01))
    (tmp_path / "alone").mkdir()
    alone = tmp_path / "alone"
    pretrain.train(Request(Images.of(digits), recipe, inputs(), 5, None, alone, 0.4, None), CPU)
    (alone, history), (both, found) = (result(tmp_path / name) for name in ("alone", "out"))
    for name, tensor in alone.items():
        torch.testing.assert_close(both[name], tensor, rtol=1e-2, atol=1e-3)
    np.testing.assert_allclose(found["loss"], history["loss"], rtol=1e-4)
