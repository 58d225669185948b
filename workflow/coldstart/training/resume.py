"""The state of a training that was cut short, and the signal that cuts it short."""

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

from coldstart.errors import naming
from coldstart.training.images import Images

log = logging.getLogger("coldstart")

SHARE = 0.05
"""Share of a training's time that may go into saving its state."""


def fingerprint(recipe: BaseModel, seed: int, images: Images, start: bytes = b"") -> str:
    """Name a training by all that decides its outcome: recipe, seed, images, and where it starts.

    Args:
        recipe: of the training.
        seed: of everything random.
        images: that are trained on.
        start: the file of weights that it starts from; nothing where it starts from none.
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
        folder: where; made when there is something to keep.
        training: the ``fingerprint`` of the training; a state of another one is never given back.
    """

    def __init__(self, folder: Path, training: str) -> None:
        self.folder, self.training = folder, training
        self.path = folder / "state.pt"
        self._saved = time.monotonic()
        self._cost = 0.0

    @property
    def is_due(self) -> bool:
        """True if the work since the last save makes the cost of another one small."""
        return time.monotonic() - self._saved >= self._cost / SHARE

    def save(self, state: dict[str, Any]) -> None:
        """Replace the state, so that a kill at any time leaves the old one or the new."""
        started = time.monotonic()
        save_state(self.path, {**state, "training": self.training})
        self._saved = time.monotonic()
        self._cost = self._saved - started

    def load(self, device: torch.device) -> dict[str, Any] | None:
        """Read the state, its tensors onto a device; ``None`` where there is none to go on from."""
        return load_state(self.path, self.training, device)


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Replace the file by this state, so that a kill at any time leaves the old one or the new.

    Raises:
        OSError: it cannot be written, for one because the disk is full; the old one stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    try:
        # After a failed write torch still ends its archive, and complains that this does not fit.
        with naming(path):
            with part.open("wb") as file:
                torch.save(state, file)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def load_state(path: Path, training: str, device: torch.device) -> dict[str, Any] | None:
    """Read a state, or return ``None`` where there is none to go on from.

    A state that cannot be read, or that is of another training, is passed over with a line in the
    log: starting anew is always right, and only costs time.

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
    """While this context is open, SIGTERM is noted in ``requested`` and does not kill.

    Schedulers send it some time before they kill, so that a job can put its state away. Outside the
    main thread, where Python cannot handle signals, nothing is changed.
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
