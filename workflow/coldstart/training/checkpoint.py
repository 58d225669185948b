"""Models on disk: safetensors, so that loading one never executes what the file says."""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.encoders import Training


def snapshot_epochs(recipe: Training) -> list[int]:
    """Return the epochs after which a snapshot is kept: evenly spaced, the last epoch left out."""
    count = recipe.snapshots + 1
    epochs = {round(at * recipe.epochs / count) for at in range(1, count)}
    return sorted(epochs - {0, recipe.epochs})


def snapshot_name(epoch: int) -> str:
    """Return the name of the snapshot's file; epochs count from one."""
    return f"epoch-{epoch:04d}.safetensors"


def save_tensors(module: nn.Module, path: Path) -> None:
    """Write a module's parameters and buffers to a new safetensors file.

    Raises:
        OSError: the file cannot be written, for one because the disk is full.
    """
    tensors = {name: t.detach().cpu().contiguous() for name, t in module.state_dict().items()}
    path.write_bytes(save(tensors))  # safetensors' own writer hides the system's error


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read all tensors of a safetensors file, on the CPU.

    Raises:
        ColdstartError: the file is not there, or is not a whole safetensors file.
    """
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise ColdstartError(
            f"{path}: cannot be read as a safetensors checkpoint ({error}). "
            "In a store, `coldstart store verify --heal` removes what is damaged, and the next run "
            "makes it again; a file from elsewhere has to be fetched again."
        ) from None


def load_tensors(module: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    """Copy tensors into a module; names and shapes must be the same on both sides.

    Args:
        module: takes the tensors.
        tensors: as ``read_tensors`` gave them.
        path: the file they come from, for messages.

    Raises:
        ColdstartError: names the file and the first tensor that does not fit.
    """
    wanted = module.state_dict()
    for name in sorted(wanted.keys() | tensors.keys()):
        if name not in tensors:
            fault = f"the recipe's model has a tensor {name}, which the file lacks"
        elif name not in wanted:
            fault = f"has a tensor {name}, which the recipe's model lacks"
        elif wanted[name].shape != tensors[name].shape:
            fault = (
                f"tensor {name} has shape {list(tensors[name].shape)} in the file and "
                f"{list(wanted[name].shape)} in the recipe's model"
            )
        else:
            continue
        raise ColdstartError(f"{path}: {fault}. The checkpoint was made by another recipe.")
    module.load_state_dict(tensors)
