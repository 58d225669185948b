"""Tensors of a file from elsewhere, read without executing anything, and put into a network."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from coldstart.common.errors import ColdstartError

NESTED = ("state_dict", "model_state_dict", "model")
"""Keys under which a training script's file usually keeps the weights."""


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
    network: nn.Module, found: Mapping[str, Tensor], prefix: str, what: str, path: Path
) -> set[str]:
    """Copy a file's tensors into a network.

    Args:
        network: without its classifier.
        found: all tensors of the file.
        prefix: stands before the network's names in the file.
        what: the network, for messages.
        path: the file, for messages.

    Returns:
        The names in the file that were used.

    Raises:
        ColdstartError: a tensor of the network is missing or has another shape.
    """
    wanted = network.state_dict()
    # Files from before 2018 do not count batches, and nothing here reads the count.
    counts = {name for name in wanted if name.endswith("num_batches_tracked")}
    missing = [name for name in wanted if prefix + name not in found and name not in counts]
    if missing:
        hint = _prefixes(missing[0], found)
        rest = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise ColdstartError(f"{path}: lacks {prefix}{missing[0]}{rest}, which {what} has{hint}")
    used = {name: found[prefix + name] for name in wanted if prefix + name in found}
    for name, tensor in used.items():
        if tensor.shape != wanted[name].shape:
            raise ColdstartError(
                f"{path}: {prefix}{name} has shape {list(tensor.shape)}, and "
                f"{list(wanted[name].shape)} in {what}"
            )
    network.load_state_dict(used, strict=False)
    return {prefix + name for name in used}


def _prefixes(name: str, found: Mapping[str, Tensor]) -> str:
    """Hint at the prefixes that such a name has in the file."""
    prefixes = sorted({key.removesuffix(name) for key in found if key.endswith(f".{name}")})
    return f"; set prefix to {' or '.join(map(repr, prefixes))}" if prefixes else ""
