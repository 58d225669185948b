"""Devices and precisions of computation."""

import os
from typing import TypeVar

import torch
from torch import nn

from coldstart.common.errors import ColdstartError
from coldstart.running.settings import Settings

Module = TypeVar("Module", bound=nn.Module)


def resolve_device(name: str) -> torch.device:
    """Turn the setting ``device`` into a device that is there.

    Args:
        name: ``auto`` (a GPU where there is one), ``cpu``, ``cuda``, or one GPU such as ``cuda:1``.

    Raises:
        ColdstartError: the name is not one of these, or this machine has no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda"):
        raise ColdstartError(f"device: {name!r} is not one of auto, cpu, cuda, cuda:0, cuda:1, ...")
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= count:
            raise ColdstartError(
                f"device: {name!r} was asked for, but torch {torch.__version__} sees {count} GPUs "
                "here. Set device to auto or cpu, or install a CUDA build of torch."
            )
    return device


def chosen_device(settings: Settings) -> torch.device:
    """Return the device that the settings name, made deterministic if they ask for it."""
    if settings.deterministic:
        make_deterministic()
    return resolve_device(settings.device)


def use_bf16(precision: str, device: torch.device) -> bool:
    """Say whether to compute in bfloat16 (autocast) rather than in float32.

    ``auto`` takes it only where the hardware computes it natively: emulated, it is several times
    slower than float32 (8 times on a CPU with AVX-512 but without its bf16 extension).

    Args:
        precision: ``auto``, ``fp32`` or ``bf16``.
        device: where the network runs.
    """
    if precision != "auto":
        return precision == "bf16"
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def place(model: Module, device: torch.device) -> Module:
    """Move a model to a device, its convolutions laid out channels last, and return it."""
    # This layout is faster on a CPU too: 1.25 times, measured.
    model.to(device)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model


def make_deterministic() -> None:
    """Make computations on a GPU repeatable, bit for bit.

    Call it before CUDA is started. It costs speed, and an operation without a repeatable
    implementation raises an error.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
