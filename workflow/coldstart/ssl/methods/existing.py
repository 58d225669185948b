"""A network of torchvision or timm with weights from a local file: nothing is trained.

The classifier goes, and with it its weights; the embedding is what the classifier saw. Weights are
read as tensors only: nothing in the file is ever executed, and nothing is downloaded.
"""

import logging
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from coldstart.config.recipes.encoders.existing import Existing
from coldstart.errors import ColdstartError, nearest
from coldstart.ssl.weights import find_weights
from coldstart.training.backbones import Normalize, unit_images
from coldstart.training.model import EncoderModel, Inputs

log = logging.getLogger("coldstart")

AT_ONCE = 64
"""Images that pass the network together, which bounds its memory."""

NESTED = ("state_dict", "model_state_dict", "model")
"""Under what a training script's file usually keeps the weights."""


class ExistingEncoder(nn.Module):
    """Resizing, normalisation and network: uint8 [N, H, W, C] to float32 [N, D].

    Args:
        recipe: which network, for images of which size, mean and deviation.
    """

    def __init__(self, recipe: Existing) -> None:
        super().__init__()
        self.size = recipe.size
        self.normalize = Normalize(torch.tensor(recipe.mean), torch.tensor(recipe.std))
        self.network = build_network(recipe)

    def forward(self, images: Tensor) -> Tensor:
        """Map uint8 [N, H, W, C], C = 1 or 3, to float32 [N, D]."""
        parts = torch.split(images, AT_ONCE)
        return torch.cat([self._embed(part) for part in parts])

    def _embed(self, images: Tensor) -> Tensor:
        pixels = unit_images(images).expand(-1, 3, -1, -1)
        size = (self.size, self.size)
        if pixels.shape[-2:] != size:
            pixels = functional.interpolate(pixels, size, mode="bilinear", antialias=True)
        embeddings: Tensor = self.network(self.normalize(pixels))
        return embeddings.flatten(1).float()


class ExistingModel(EncoderModel):
    """The network, in the place where a trained model has its encoder."""

    def __init__(self, recipe: Existing) -> None:
        super().__init__()
        self.whole = ExistingEncoder(recipe)

    @property
    def encoder(self) -> nn.Module:
        """Resizing, normalisation and network."""
        return self.whole


def build_network(recipe: Existing) -> nn.Module:
    """Build a library's network without its classifier; its weights are drawn.

    Raises:
        ColdstartError: the library is not installed, or has no such network, or that has no
            classifier that could be taken off.
    """
    with torch.random.fork_rng(devices=[]):
        return (_timm if recipe.library == "timm" else _torchvision)(recipe)


def _torchvision(recipe: Existing) -> nn.Module:
    # Imported here: its models take 4 seconds, which no other job should wait.
    from coldstart.vision import torchvision

    models = torchvision.models
    known = models.list_models(module=models)
    if recipe.name not in known:
        raise ColdstartError(f"torchvision has no network `{recipe.name}`{_near(recipe, known)}")
    network: nn.Module = models.get_model(recipe.name, weights=None)
    linear = [name for name, part in network.named_modules() if isinstance(part, nn.Linear)]
    if not linear:
        raise ColdstartError(f"`{recipe.name}` does not end in a linear classifier: take another")
    network.set_submodule(linear[-1], nn.Identity())
    return network


def _timm(recipe: Existing) -> nn.Module:
    # timm imports torchvision, which needs this first.
    import coldstart.vision  # noqa: F401

    try:
        import timm
    except ModuleNotFoundError:
        raise ColdstartError(
            f"`{recipe.name}` is a network of timm, which is not installed: "
            "pip install 'coldstart[timm]', or `conda install timm`"
        ) from None
    known = timm.list_models()
    # A name may carry the weights' tag behind a dot. Others, such as hf-hub:..., are downloads.
    if recipe.name.partition(".")[0] not in known:
        raise ColdstartError(f"timm has no network `{recipe.name}`{_near(recipe, known)}")
    network: nn.Module = timm.create_model(recipe.name, pretrained=False, num_classes=0)
    return network


def _near(recipe: Existing, known: list[str]) -> str:
    """The nearest name; a thousand others are no help."""
    hint = nearest(recipe.name, known)
    return hint if hint.startswith("; did") else ""


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a file of safetensors or PyTorch; nothing in it is executed.

    Raises:
        ColdstartError: it is neither, or it holds more than plain data.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise ColdstartError(
            f"{path}: holds Python objects beside tensors, or is no file of PyTorch's. Nothing in "
            "such a file is executed; save the network's state_dict() alone, best as safetensors."
        ) from None
    except Exception as error:  # torch.load raises half a dozen kinds, KeyError of a text file
        raise ColdstartError(
            f"{path}: cannot be read as weights ({type(error).__name__}: {error}). Name a file of "
            "safetensors or one that torch.save wrote."
        ) from None
    return _tensors_of(content, path)


def _tensors_of(content: Any, path: Path) -> dict[str, Tensor]:
    entered: list[Any] = []
    while isinstance(content, Mapping) and not any(content is above for above in entered):
        entered.append(content)
        inner = next((content[key] for key in NESTED if key in content), None)
        if inner is None:
            return {
                name: value
                for name, value in content.items()
                if isinstance(name, str) and isinstance(value, Tensor)
            }
        content = inner
    if entered and isinstance(content, Mapping):
        raise ColdstartError(f"{path}: holds a mapping that holds itself, and no tensors.")
    raise ColdstartError(f"{path}: holds no mapping of names to tensors, but a {type(content)}.")


def load_weights(
    network: nn.Module, found: dict[str, Tensor], recipe: Existing, path: Path
) -> set[str]:
    """Copy a file's tensors into a network.

    Args:
        network: without its classifier.
        found: all tensors of the file.
        recipe: says what stands before the names.
        path: the file, for messages.

    Returns:
        The names in the file that were used.

    Raises:
        ColdstartError: a tensor of the network is missing or has another shape.
    """
    wanted = network.state_dict()
    # Files from before 2018 do not count batches, and nothing here reads the count.
    counts = {name for name in wanted if name.endswith("num_batches_tracked")}
    missing = [name for name in wanted if recipe.prefix + name not in found and name not in counts]
    if missing:
        hint = _prefixes(missing[0], found)
        rest = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise ColdstartError(
            f"{path}: lacks {recipe.prefix}{missing[0]}{rest}, which {recipe.library}'s "
            f"`{recipe.name}` has{hint}"
        )
    used = {name: found[recipe.prefix + name] for name in wanted if recipe.prefix + name in found}
    for name, tensor in used.items():
        if tensor.shape != wanted[name].shape:
            raise ColdstartError(
                f"{path}: {recipe.prefix}{name} has shape {list(tensor.shape)}, and "
                f"{list(wanted[name].shape)} in {recipe.library}'s `{recipe.name}`"
            )
    network.load_state_dict(used, strict=False)
    return {recipe.prefix + name for name in used}


def _prefixes(name: str, found: dict[str, Tensor]) -> str:
    """Hint at the prefixes that such a name has in the file."""
    prefixes = sorted({key.removesuffix(name) for key in found if key.endswith(f".{name}")})
    return f"; set prefix to {' or '.join(map(repr, prefixes))}" if prefixes else ""


def fit(
    images: Any, recipe: Existing, inputs: Inputs, seed: int
) -> tuple[ExistingModel, pd.DataFrame]:
    """Build the network and load its weights.

    Args:
        images: not read.
        recipe: as planned, with the digest of the file.
        inputs: shape of the images.
        seed: not read.

    Returns:
        The model, and a table of the file's tensors: ``tensor`` (its name) and ``used``.

    Raises:
        ColdstartError: the file does not fit, or the network cannot take images of that size.
    """
    path = find_weights(recipe)
    model = ExistingModel(recipe)
    found = read_weights(path)
    used = load_weights(model.whole.network, found, recipe, path)
    dropped = sorted(found.keys() - used)
    if dropped:
        log.info("%s: not used: %s", path, ", ".join(dropped))
    _try_out(model.eval(), recipe, inputs)
    names = sorted(found)
    return model, pd.DataFrame({"tensor": names, "used": [name in used for name in names]})


@torch.inference_mode()
def _try_out(model: ExistingModel, recipe: Existing, inputs: Inputs) -> None:
    """See that an image passes: libraries' networks are of many kinds."""
    black = torch.zeros(1, inputs.height, inputs.width, inputs.channels, dtype=torch.uint8)
    try:
        model.encoder(black)
    except (RuntimeError, AssertionError, ValueError) as error:
        raise ColdstartError(
            f"`{recipe.name}` cannot take images of {recipe.size} x {recipe.size} ({error}); "
            "set `size` to what it was trained with"
        ) from None


def restore(tensors: dict[str, Tensor], recipe: Existing, inputs: Inputs) -> ExistingModel:
    """Build an empty model.

    Args:
        tensors: not read.
        recipe: which network.
        inputs: not read.
    """
    return ExistingModel(recipe)
