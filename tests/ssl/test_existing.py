import os
import pickle
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

from coldstart.common.errors import ColdstartError
from coldstart.common.vision import torchvision
from coldstart.config.load import load
from coldstart.config.recipes.encoders import Transferred
from coldstart.config.recipes.encoders.existing import Existing
from coldstart.data.sources.scan import resolve
from coldstart.planning.fingerprint import covered
from coldstart.planning.plan import Plan
from coldstart.planning.resources import estimate, gains_from_gpu
from coldstart.running.places import PLACES, export_places
from coldstart.running.settings import Settings
from coldstart.ssl.encoders import write_encoder
from coldstart.ssl.from_file import FromFileModel, load_file
from coldstart.ssl.methods import existing
from coldstart.ssl.models import load_model
from coldstart.ssl.tensors import read_weights
from coldstart.ssl.weights import find, identify
from coldstart.store import Store

CPU = torch.device("cpu")
WORKFLOW = Path(__file__).parents[2] / "workflow"
NAME = "shufflenet_v2_x0_5"  # the smallest of torchvision's


def recipe(path, **fields):
    given = {"library": "torchvision", "name": NAME, "size": 40, "weights": str(path)}
    return Existing(method="existing", **{**given, **fields})


@pytest.fixture(autouse=True)
def places(monkeypatch):
    monkeypatch.setenv(PLACES, "{}")


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    network = torchvision.models.get_model(NAME, weights=None, num_classes=7).train()
    with torch.no_grad():
        network(torch.rand(8, 3, 40, 40))  # running statistics of its own
    return network.eval()


@pytest.fixture(scope="module")
def weights(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "weights.pth"
    torch.save(network.state_dict(), path)
    return path


def planned(given, data_dir=Path()):
    """A recipe as the plan passes it on: with the digest in the place of the path."""
    weights = identify(given.weights, Settings(data_dir=data_dir), None)
    export_places({weights: [resolve(given.weights, data_dir)]})
    return given.model_copy(update={"weights": weights})


def made(given, images, folder):
    ready = planned(given)
    model, history = load_file(ready, find(ready.weights, Settings()))
    folder.mkdir(exist_ok=True)
    write_encoder(model, history, folder)
    os.environ[PLACES] = "{}"  # from here on the artefact holds all that is needed
    return load_model(folder, ready, images.shape[1:], CPU)


def pictures(channels, count=70, height=12, width=9):
    shape = (count, height, width, channels)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize(("channels", "height", "width"), [(1, 12, 9), (3, 100, 70)])
def test_embeddings_are_the_inputs_of_the_librarys_classifier(
    network, weights, tmp_path, channels, height, width
):
    images = pictures(channels, 70, height, width)
    mean, std = [0.1, 0.2, 0.3], [0.4, 0.5, 0.6]
    model = made(recipe(weights, mean=mean, std=std), images, tmp_path)
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    pixels = functional.interpolate(pixels, (40, 40), mode="bilinear", antialias=True)
    normal = (pixels - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
    seen = []
    hook = network.fc.register_forward_hook(lambda layer, inputs, output: seen.append(inputs[0]))
    with torch.no_grad():
        network(normal)
        embeddings = model.encoder(torch.from_numpy(images))
    hook.remove()
    assert embeddings.shape == (70, 1024)
    torch.testing.assert_close(embeddings, seen[0], rtol=1e-4, atol=1e-5)
    assert embeddings.std() > 1e-3


def test_images_of_the_networks_size_are_not_resized(weights, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (3, 40, 40, 3), dtype=np.uint8)
    model = made(recipe(weights), images, tmp_path).encoder
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        expected = model.backbone(model.normalize(pixels))
        torch.testing.assert_close(model(torch.from_numpy(images)), expected)


@pytest.mark.parametrize("kind", ["safetensors", "nested", "prefixed"])
def test_weights_are_read_from_other_file_formats(network, weights, tmp_path, kind):
    tensors, fields = network.state_dict(), {}
    path = tmp_path / "other.pth"
    if kind == "safetensors":
        path = tmp_path / "other.safetensors"
        save_file(tensors, path)
    elif kind == "nested":
        torch.save({"epoch": 3, "state_dict": tensors}, path)
    else:
        fields = {"prefix": "module.encoder_q."}
        other = {f"module.encoder_k.{name}": t + 1 for name, t in tensors.items()}
        torch.save({f"module.encoder_q.{n}": t for n, t in tensors.items()} | other, path)
    images = torch.from_numpy(pictures(3, count=4))
    ours = made(recipe(path, **fields), pictures(3, count=4), tmp_path / "out")
    theirs = made(recipe(weights), pictures(3, count=4), tmp_path / "plain")
    with torch.no_grad():
        assert torch.equal(ours.encoder(images), theirs.encoder(images))


@pytest.mark.parametrize("name", ["test_vit", "test_resnet"])
def test_timm_s_networks_give_their_pooled_features(name, tmp_path):
    timm = pytest.importorskip("timm")
    torch.manual_seed(1)
    theirs = timm.create_model(name, pretrained=False, num_classes=5).eval()
    path, images = tmp_path / "weights.pth", pictures(3, count=3)
    torch.save(theirs.state_dict(), path)
    size = theirs.default_cfg["input_size"][-1]
    given = recipe(path, library="timm", name=name, size=size, mean=[0.5] * 3, std=[0.5] * 3)
    model = made(given, images, tmp_path / "out")
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    pixels = functional.interpolate(pixels, (size, size), mode="bilinear", antialias=True)
    with torch.no_grad():
        normal = (pixels - 0.5) / 0.5
        expected = theirs.forward_head(theirs.forward_features(normal), pre_logits=True)
        ours = model.encoder(torch.from_numpy(images))
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-5)


def test_missing_timm_is_reported_with_the_package_to_install(weights, monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ColdstartError, match=r"not installed: pip install 'coldstart\[timm\]'"):
        existing.build(recipe(weights, library="timm", name="test_vit"))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "shuflenet_v2_x0_5"}, "no network `shuflenet_v2_x0_5`; did you mean `shuffle"),
        ({"name": "squeezenet1_1"}, "does not end in a linear classifier"),
        ({"library": "timm", "name": "hf-hub:someone/net"}, "no network `hf-hub:someone/net`"),
    ],
)
def test_unknown_network_is_an_error(weights, fields, message):
    if "library" in fields:
        pytest.importorskip("timm")
    with pytest.raises(ColdstartError, match=message):
        existing.build(recipe(weights, **fields))


def failure(given, folder):
    with pytest.raises(ColdstartError) as caught:
        made(given, pictures(3, count=3), folder)
    return str(caught.value)


def test_missing_and_unexpected_tensors_are_named(network, tmp_path):
    path, tensors = tmp_path / "weights.pth", dict(network.state_dict())
    torch.save({f"backbone.{name}": tensor for name, tensor in tensors.items()}, path)
    assert "; set prefix to 'backbone.'" in failure(recipe(path), tmp_path / "out")
    del tensors["conv5.0.weight"], tensors["conv5.1.bias"]
    torch.save(tensors, path)
    assert "lacks conv5.0.weight and 1 more" in failure(recipe(path), tmp_path / "out")
    torch.save(network.state_dict() | {"conv5.0.weight": torch.zeros(5, 4, 1, 1)}, path)
    assert "conv5.0.weight has shape [5, 4, 1, 1], and [1024" in failure(recipe(path), tmp_path)


def test_nothing_in_a_file_is_executed(network, tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "pwned"),)

    path = tmp_path / "weights.pth"
    for content in ({"state_dict": network.state_dict(), "args": Evil()}, Evil()):
        torch.save(content, path)
        assert "Nothing in such a file is executed" in failure(recipe(path), tmp_path / "out")
    path.write_bytes(pickle.dumps(Evil()))
    assert str(path) in failure(recipe(path), tmp_path / "out")
    torch.save(torch.zeros(3), path)
    assert "holds no mapping of names to tensors" in failure(recipe(path), tmp_path / "out")
    path.write_bytes(b"")
    assert "cannot be read as weights" in failure(recipe(path), tmp_path / "out")
    assert not (tmp_path / "pwned").exists()


def hold_itself(path):
    content = {}
    content["state_dict"] = content
    torch.save(content, path)


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda path: path.write_text("no weights\n" * 100), "cannot be read as weights|objects"),
        (lambda path: path.write_bytes(b""), "cannot be read as weights"),
        (lambda path: path.write_bytes(bytes(range(256)) * 10), "cannot be read|objects"),
        (hold_itself, "a mapping that holds itself"),
        (lambda path: torch.save([1], path), "no mapping of names to tensors"),
        (lambda path: torch.save({"model": 3}, path), "no mapping of names to tensors"),
    ],
)
def test_file_without_weights_is_refused(tmp_path, write, said):
    path = tmp_path / "weights.pt"
    write(path)
    with pytest.raises(ColdstartError, match=said) as error:
        read_weights(path)
    assert str(path) in str(error.value)


def test_only_named_tensors_are_taken(tmp_path):
    torch.save({1: torch.ones(1), "a": torch.ones(1), "b": 3}, tmp_path / "weights.pt")
    assert list(read_weights(tmp_path / "weights.pt")) == ["a"]


def test_a_size_that_the_network_cannot_take_is_an_error(tmp_path):
    timm = pytest.importorskip("timm")
    path = tmp_path / "weights.pth"
    torch.save(timm.create_model("test_vit", pretrained=False).state_dict(), path)
    given = recipe(path, library="timm", name="test_vit", size=33)
    assert "cannot take images of 33 x 33" in failure(given, tmp_path / "out")


def test_a_file_that_changes_after_planning_is_refused(network, weights, tmp_path):
    path = tmp_path / "weights.pth"
    path.write_bytes(weights.read_bytes())
    ready = planned(recipe("weights.pth"), tmp_path)
    torch.save({**network.state_dict(), "more": torch.zeros(1)}, path)
    with pytest.raises(ColdstartError, match="file has changed meanwhile"):
        find(ready.weights, Settings())


def test_history_shows_for_each_tensor_if_it_was_used(weights, tmp_path):
    made(recipe(weights), pictures(3, count=3), tmp_path)
    history = pd.read_parquet(tmp_path / "history.parquet").set_index("tensor")["used"]
    assert history[~history].index.tolist() == ["fc.bias", "fc.weight"]
    assert history["conv5.0.weight"]


def test_global_random_state_is_unchanged(weights):
    before = torch.get_rng_state()
    FromFileModel(recipe(weights))
    assert torch.equal(torch.get_rng_state(), before)


# --- Planning ---


def plan(tmp_path, **encoders):
    """A plan of the quickstart with more encoders, as if they stood in the file of recipes."""
    loaded = load({"data_dir": str(tmp_path), "scale": "smoke"}, [], WORKFLOW)
    loaded.recipes._found["encoders"].update(encoders)
    return Plan(loaded, Store(tmp_path / "store"))


def test_key_has_the_digest_of_the_weights_and_not_their_path(weights, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.pth").write_bytes(weights.read_bytes())
    (tmp_path / "b.pth").write_bytes(weights.read_bytes())
    torch.save({"other": torch.zeros(1)}, tmp_path / "c.pth")
    one = plan(tmp_path, **{name: recipe(f"{name}.pth") for name in "abc"})
    a, b, c = (one.encoders.checkpoint("digits", name, 0) for name in "abc")
    assert a.key == b.key != c.key
    assert a.identity.recipe["encoder"]["weights"].startswith("sha256:")
    assert ".pth" not in str(a.identity.recipe)
    ready = Existing.model_validate(a.identity.recipe["encoder"])
    export_places(one.maker.places)
    assert find(ready.weights, Settings()).read_bytes() == weights.read_bytes()
    embeddings = one.encoders.embeddings("digits", "a", 0, "frozen")
    assert embeddings.inputs["checkpoint"] is a
    assert gains_from_gpu(embeddings)
    assert not gains_from_gpu(a)
    for device in ("cpu", "gpu"):
        needs = [estimate(job, one.data.facts("digits"), device, 4) for job in (a, embeddings)]
        assert all(1500 <= need.megabytes <= 32000 and need.minutes < 600 for need in needs)


def test_missing_weights_are_refused_by_the_plan(tmp_path):
    one = plan(tmp_path, gone=recipe("gone.pth"))
    with pytest.raises(ColdstartError, match=r"(?s)gone.pth: No such file.*below data_dir"):
        one.encoders.checkpoint("digits", "gone", 0)


def test_encoder_of_another_pool_is_the_checkpoint_of_that_pool(tmp_path):
    elsewhere = Transferred(method="transferred", pool="fashion-mnist", encoder="byol-resnet18")
    one = plan(tmp_path, elsewhere=elsewhere)
    there = one.encoders.checkpoint("fashion-mnist", "byol-resnet18", 2)
    assert one.encoders.checkpoint("digits", "elsewhere", 2) is there
    embeddings = one.encoders.embeddings("digits", "elsewhere", 2, "frozen")
    assert embeddings.inputs["checkpoint"] is there
    assert embeddings.inputs["images"] is one.data.images("digits")
    assert gains_from_gpu(embeddings)
    own = one.encoders.embeddings("digits", "byol-resnet18", 2, "frozen")
    assert own.identity.code == embeddings.identity.code
    assert own.key != embeddings.key


@pytest.mark.parametrize(
    ("source", "pool", "message"),
    [
        ("byol-resnet18", "biased-cifar10", "images of 3 channels, and these have 1"),
        ("vae-digits", "fashion-mnist", "are for images of 28 x 28, and these have 8 x 8"),
        ("pca-512", "fashion-mnist", "are for images of 28 x 28, and these have 8 x 8"),
    ],
)
def test_transferred_encoder_of_other_images_is_refused_by_the_plan(
    tmp_path, source, pool, message
):
    elsewhere = Transferred(method="transferred", pool=pool, encoder=source)
    with pytest.raises(ColdstartError, match=f"`elsewhere` does not fit pool `digits`.*{message}"):
        plan(tmp_path, elsewhere=elsewhere).encoders.checkpoint("digits", "elsewhere", 0)


def test_images_that_a_backbone_cannot_take_are_refused_by_the_plan(tmp_path):
    one = plan(tmp_path)
    backbone = one.recipes.get("backbones", "vgg16")
    small = one.recipes.get("encoders", "byol-resnet18").model_copy(update={"backbone": backbone})
    one.recipes._found["encoders"]["byol-vgg16"] = small
    with pytest.raises(ColdstartError, match="vgg takes 32 pixels a side or more, not images of 8"):
        one.encoders.checkpoint("digits", "byol-vgg16", 0)


def test_linear_layers_within_the_head_are_kept(monkeypatch):
    """VGG has several linear layers at its end, of which only the classifier is removed."""
    built = nn.Sequential(nn.Flatten(), nn.Linear(12, 6), nn.ReLU(), nn.Linear(6, 1000))
    monkeypatch.setattr(torchvision.models, "get_model", lambda name, weights: built)
    network = existing.build(recipe("weights.pth"))
    assert network(torch.zeros(2, 3, 2, 2)).shape == (2, 6)


def test_code_that_reads_files_counts_for_encoders_from_files_alone(weights, tmp_path):
    one = plan(tmp_path, mine=recipe(weights))
    reading = {"coldstart.ssl.from_file", "coldstart.ssl.tensors", "coldstart.ssl.weights"}
    for name, counts in (("mine", True), ("byol-digits", False)):
        for made in (
            one.encoders.checkpoint("digits", name, 0),
            one.encoders.embeddings("digits", name, 0, "frozen"),
        ):
            modules, _ = covered(*made.modules, recipes=made.recipes)
            assert (reading <= modules) == counts
            assert counts or modules.isdisjoint({*reading, "coldstart.ssl.methods.given"})
