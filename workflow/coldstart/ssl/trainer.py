"""The training loop that every method of two views shares.

No generator's state is ever saved: each epoch's order and each step's views are drawn from a
generator seeded by (seed, epoch) or (seed, step). A training that was killed and resumed is
therefore the uninterrupted one, bit for bit on a CPU.
"""

import logging
import math
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from coldstart.config.encoders import Byol
from coldstart.errors import ColdstartError
from coldstart.progress import Progress
from coldstart.ssl.augment import augment
from coldstart.ssl.backbones import unit_images
from coldstart.ssl.device import place, use_bf16
from coldstart.ssl.method import SelfSupervised
from coldstart.ssl.optim import build_optimizer, learning_rate
from coldstart.ssl.resume import Termination, fingerprint, load_state, save_state

log = logging.getLogger("coldstart")

ORDER, VIEWS = 0, 1  # what a generator is for, so that epoch 1 and step 1 draw differently
PLACE = ("epoch", "step", "loss_sum", "seconds", "history")  # where a training stands


def _seed_of(seed: int, purpose: int, index: int) -> int:
    return int(np.random.SeedSequence((seed, purpose, index)).generate_state(1, np.uint64)[0])


def epoch_order(count: int, seed: int, epoch: int) -> Tensor:
    """Return the order of the images in an epoch: a permutation, int64 [count]."""
    generator = torch.Generator().manual_seed(_seed_of(seed, ORDER, epoch))
    return torch.randperm(count, generator=generator)


def channel_statistics(images: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
    """Return each channel's mean and standard deviation over all pixels, in [0, 1].

    Sums are of integers, hence exact. A constant channel has the deviation one.

    Args:
        images: uint8 [N, H, W, C].

    Returns:
        Two float64 tensors [C].
    """
    channels = images.shape[-1]
    total, squares = torch.zeros(2, channels, dtype=torch.int64)
    for start in range(0, len(images), 1024):
        pixels = _share(images[start : start + 1024]).reshape(-1, channels).int()
        total += pixels.sum(0)
        squares += pixels.square().sum(0)
    count = images.size // channels
    mean = total.double() / count
    std = (squares.double() / count - mean.square()).clamp(min=0).sqrt() / 255
    return mean / 255, torch.where(std > 0, std, 1.0)


def _share(images: NDArray[np.uint8]) -> Tensor:
    """Wrap an array without copying it; nobody writes to it, so it may be read-only."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.from_numpy(np.ascontiguousarray(images))


class Trainer:
    """Train a model on unlabeled images.

    Args:
        model: on any device; it is moved, and trained in place.
        images: uint8 [N, H, W, C] with N of two or more; they are kept on the device.
        recipe: the method's recipe.
        seed: decides the order of the images and all views.
        device: where to train.
        resume: folder of the state to go on from after a kill; ``None`` keeps none.
    """

    def __init__(
        self,
        model: SelfSupervised,
        images: NDArray[np.uint8],
        recipe: Byol,
        seed: int,
        device: torch.device,
        resume: Path | None,
    ) -> None:
        self.recipe, self.seed, self.device = recipe, seed, device
        self.model = place(model, device).train()
        self.images = _share(images).to(device)
        self.batch = min(recipe.batch_size, len(images))
        if self.batch < recipe.batch_size:
            log.info("batch_size %d is cut to the %d images", recipe.batch_size, self.batch)
        self.steps = len(images) // self.batch
        self.bf16 = use_bf16(recipe.precision, device)
        trained = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = build_optimizer(trained, recipe.optimizer)
        self.generator = torch.Generator(device)
        self.epoch = self.step = 0  # the step to take next, counted within its epoch
        self.loss_sum = torch.zeros((), dtype=torch.float64, device=device)  # of this epoch
        self.seconds = 0.0  # of this epoch
        self.history: list[dict[str, Any]] = []
        self.state = resume / "state.pt" if resume else None
        if self.state:
            self.training = fingerprint(recipe, seed, images)
            self._restore(self.state)

    def run(self) -> pd.DataFrame:
        """Train to the last epoch.

        On SIGTERM the step is finished, the state saved where there is a folder for it, and the
        process ends with exit code 143.

        Returns:
            One row per epoch: ``epoch`` (from one), ``loss`` (mean over its steps), ``lr`` (of its
            last step), ``images_per_second`` (an image is both its views).

        Raises:
            ColdstartError: the loss or a weight is no longer finite.
        """
        precision = "bf16" if self.bf16 else "fp32"
        log.info("training on %s in %s: %d images", self.device, precision, len(self.images))
        progress = Progress("training step", self.recipe.epochs * self.steps, self._done)
        # Reading the loss makes the host wait for a GPU, so there it is read now and then.
        every = 1 if self.device.type == "cpu" else 50
        with Termination() as termination:
            while self.epoch < self.recipe.epochs:
                self._clock = time.perf_counter()
                order = epoch_order(len(self.images), self.seed, self.epoch).to(self.device)
                while self.step < self.steps:
                    self._train_step(order)
                    stop = termination.requested
                    if stop or self.step % every == 0 or self.step == self.steps:
                        self._report(progress)
                    if stop:
                        self._save()
                        log.warning("stopped by SIGTERM after %s", self._place)
                        raise SystemExit(143)
                self._end_epoch()
        if not all(tensor.isfinite().all() for tensor in self.model.state_dict().values()):
            raise self._not_finite("weights")
        return pd.DataFrame(self.history)

    @property
    def _done(self) -> int:
        return self.epoch * self.steps + self.step

    @property
    def _place(self) -> str:
        return f"epoch {self.epoch + 1}, step {self.step} of {self.steps}"

    def _lr(self, step: int) -> float:
        return learning_rate(self.recipe.optimizer, step, self.steps, self.recipe.epochs)

    def _train_step(self, order: Tensor) -> None:
        step = self._done
        for group in self.optimizer.param_groups:
            group["lr"] = self._lr(step)
        start = self.step * self.batch
        images = unit_images(self.images[order[start : start + self.batch]])
        self.generator.manual_seed(_seed_of(self.seed, VIEWS, step))
        view1, view2 = (
            augment(images, self.recipe.augmentation, self.generator).contiguous(
                memory_format=torch.channels_last
            )
            for _ in range(2)
        )
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            loss = self.model.training_loss(view1, view2)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.model.after_step()
        self.loss_sum += loss.detach()
        self.step += 1

    def _report(self, progress: Progress) -> None:
        loss = float(self.loss_sum) / self.step
        now = time.perf_counter()
        self.seconds += now - self._clock
        self._clock = now
        if not math.isfinite(loss):
            raise self._not_finite("loss")
        epoch = f"epoch {self.epoch + 1}/{self.recipe.epochs}"
        note = f"{epoch}  loss {loss:.4f}  {self._rate:.0f} images/s"
        progress.advance(self._done - progress.done, note)

    @property
    def _rate(self) -> float:
        return self.step * self.batch / self.seconds

    def _not_finite(self, what: str) -> ColdstartError:
        last = self._done - 1
        return ColdstartError(
            f"{self.recipe.method}: the {what} stopped being finite at or before epoch "
            f"{last // self.steps + 1}, step {last % self.steps + 1} of {self.steps} (learning "
            f"rate {self._lr(last):.3g}). Lower optimizer.lr, add optimizer.warmup_epochs"
            + (", or set precision to fp32." if self.bf16 else ".")
        )

    def _end_epoch(self) -> None:
        self.history.append(
            {
                "epoch": self.epoch + 1,
                "loss": float(self.loss_sum) / self.steps,
                "lr": self._lr(self._done - 1),
                "images_per_second": self._rate,
            }
        )
        self.epoch, self.step, self.seconds = self.epoch + 1, 0, 0.0
        self.loss_sum.zero_()
        self._save()

    def _save(self) -> None:
        if self.state is None:
            return
        state = {name: getattr(self, name) for name in PLACE}
        state["training"] = self.training
        state["model"] = self.model.state_dict()
        state["optimizer"] = self.optimizer.state_dict()
        save_state(self.state, state)

    def _restore(self, path: Path) -> None:
        state = load_state(path, self.training, self.device)
        if state is None:
            return
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        for name in PLACE:
            setattr(self, name, state[name])
        log.info("%s: going on after %s", path, self._place)
