"""The state of an interrupted training, and the signal that interrupts it."""

import hashlib
import logging
import os
import signal
import threading
import time
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import torch
from pydantic import BaseModel

from coldstart.common.errors import naming
from coldstart.training.images import Images

log = logging.getLogger("coldstart")

SHARE = 0.05
"""Share of a training's time that saving its state may take."""


def fingerprint(recipe: BaseModel, seed: int, images: Images, start: bytes = b"") -> str:
    """Name a training by all that decides its outcome: recipe, seed, images, and where it starts.

    Args:
        recipe: of the training.
        seed: of all random draws.
        images: those that it trains on.
        start: content of the file of weights that it starts from; empty if there is none.
    """
    digest = hashlib.blake2b(recipe.model_dump_json().encode(), digest_size=16)
    digest.update(f" {seed} {images.shape} ".encode())
    for chunk in images.chunks():
        digest.update(chunk.data)
    digest.update(start)
    return digest.hexdigest()


class Keeper:
    """Keeps the state of an unfinished training in a folder.

    Args:
        folder: made when the first state is saved.
        training: the ``fingerprint`` of the training; the state of another training is ignored.
    """

    def __init__(self, folder: Path, training: str) -> None:
        self.folder, self.training = folder, training
        self.path = folder / "state.pt"
        self._saved = time.monotonic()
        self._cost = 0.0

    @property
    def is_due(self) -> bool:
        """True if another save would cost little beside the work since the last one."""
        return time.monotonic() - self._saved >= self._cost / SHARE

    def save(self, state: dict[str, Any]) -> None:
        """Replace the state; a kill at any time leaves the old state or the new one."""
        started = time.monotonic()
        save_state(self.path, {**state, "training": self.training})
        self._saved = time.monotonic()
        self._cost = self._saved - started

    def load(self, device: torch.device) -> dict[str, Any] | None:
        """Read the state, with its tensors on a device; ``None`` if there is none to go on from."""
        return load_state(self.path, self.training, device)


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write the state; a kill at any time leaves the old file or the new one.

    Raises:
        OSError: it cannot be written, for one because the disk is full; the old one stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    try:
        # After a failed write torch still tries to end its archive, and raises an error of its own.
        with naming(path):
            with part.open("wb") as file:
                torch.save(state, file)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def load_state(path: Path, training: str, device: torch.device) -> dict[str, Any] | None:
    """Read a state, or return ``None`` if there is none to go on from.

    A state that is damaged, or belongs to another training, is ignored with a line in the log. To
    start anew is always correct, and only costs time.

    Args:
        path: the file that ``save_state`` wrote.
        training: the ``fingerprint`` that it must hold.
        device: where its tensors are put.
    """
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
        found = state["training"]
    except Exception as error:  # torch.load raises half a dozen kinds on a damaged file
        log.warning("%s cannot be read (%s); training starts anew", path, type(error).__name__)
        return None
    if found != training:
        log.warning("%s is of another recipe, seed or images; training starts anew", path)
        return None
    return state


class Termination:
    """A context in which SIGTERM sets ``requested`` and does not end the process.

    Schedulers send SIGTERM some time before they kill, so that a job can save its state. Outside
    the main thread Python cannot handle signals, and the context does nothing.
    """

    def __init__(self) -> None:
        self.requested = False
        self._main = threading.current_thread() is threading.main_thread()

    def __enter__(self) -> "Termination":
        if self._main:
            self._previous = signal.signal(signal.SIGTERM, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._main:
            signal.signal(signal.SIGTERM, self._previous)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
