"""The training loop that every model shares.

A training that was killed and resumed equals the uninterrupted one, bit for bit on a CPU: the draws
of a step depend only on the seed and the step's number (``coldstart.training.streams``).
"""

import logging
import math
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from coldstart.common.errors import ColdstartError
from coldstart.common.progress import Progress
from coldstart.config.recipes.encoders import Clustering, Following, Training
from coldstart.running.job import TERMINATED
from coldstart.training.checkpoint import save_tensors, snapshot_epochs, snapshot_name
from coldstart.training.device import place, use_bf16
from coldstart.training.distributed import anywhere, of_first, rank, synchronise, total, world
from coldstart.training.model import Batch, Phase, Seen, Trainable, drawing_layers
from coldstart.training.optim import learning_rate
from coldstart.training.phases import Optimizers, checked_phases, draws
from coldstart.training.resume import Keeper, Termination
from coldstart.training.streams import LAYERS, Feed, Stream, seed_of
from coldstart.training.watch import PATIENCE, SETTLED, look, sample

log = logging.getLogger("coldstart")

Batches = Mapping[str, Iterator[tuple[Tensor, Tensor | None]]]
"""Images and labels of the batches to come, of each stream."""

PLACE = (
    "epoch",
    "step",
    "loss_sum",
    "seconds",
    "history",
    "flat",
)  # what a resumed training goes on from
ON_GPU = 0.4
"""The share of a GPU's memory that images take at most, unless a setting says otherwise."""


@dataclass(frozen=True)
class Steps:
    """The division of an epoch's images into steps.

    Attributes:
        batch: images of a batch, summed over all processes.
        parts: batches whose gradients are accumulated for one step of the optimiser.
        count: steps in an epoch.
    """

    batch: int
    parts: int
    count: int

    @classmethod
    def of(cls, recipe: Training, images: int) -> "Steps":
        """Limit the recipe's numbers to the images, and let batches divide among processes.

        Raises:
            ColdstartError: the recipe's batch does not divide among the processes.
        """
        batch, parts, count = recipe.steps(images)
        if batch < recipe.batch_size:
            batch -= batch % min(world(), batch)
            log.info("batch_size %d is cut to %d images", recipe.batch_size, batch)
        if batch % world():
            raise ColdstartError(
                f"batches of {batch} images do not divide among {world()} processes (one for each "
                f"GPU): ask for as many GPUs as divide {batch}, or change batch_size."
            )
        return cls(batch, parts, count)


class Objective(nn.Module):
    """The losses of a model as the forward pass that DistributedDataParallel wraps."""

    def __init__(self, model: Trainable, phases: Sequence[Phase]) -> None:
        super().__init__()
        self.model, self.phases = model, phases

    def forward(self, phase: int, batch: Batch, done: float) -> Tensor:
        """Return the loss of a phase, a scalar."""
        return self.phases[phase].loss(batch, done)


class Trainer:
    """Train a model on streams of images, alone or together with other processes.

    Args:
        model: on any device; it is moved to ``device`` and trained in place.
        streams: by name; the first one counts the epochs. Each process is given all images.
        recipe: settings of the training.
        seed: decides the order of the images, all views, and what layers such as dropout draw.
        device: where to train.
        keeper: saves the state for a resume; ``None`` saves none.
        snapshots: folder for the snapshots that the recipe asks for.
        on_gpu: the share of a GPU's memory that the images may take; more are streamed.
    """

    def __init__(
        self,
        model: Trainable,
        streams: Mapping[str, Stream],
        recipe: Training,
        seed: int,
        device: torch.device,
        keeper: Keeper | None = None,
        snapshots: Path | None = None,
        on_gpu: float = ON_GPU,
    ) -> None:
        self.recipe, self.seed, self.device = recipe, seed, device
        self.keeper, self.snapshots = keeper, snapshots
        self.model = place(model, device).train()
        self.optimizers = Optimizers(self.model, recipe)
        self.phases = checked_phases(model, self.optimizers.recipes, list(streams), recipe.called)
        (counted, first), *others = streams.items()
        self.sample = sample(first.images)
        self.plan = Steps.of(recipe, len(first.images))
        self.steps = self.plan.count
        per_epoch = self.steps * self.plan.parts
        self.feeds = {counted: Feed(first, 0, self.plan.batch, per_epoch, seed, device, on_gpu)}
        for number, (name, stream) in enumerate(others, start=1):
            self.feeds[name] = Feed.beside(stream, number, seed, device, on_gpu)
        self.bf16 = use_bf16(recipe.precision, device)
        self.objective = self._objective()
        self.draws = bool(drawing_layers(model))
        self.epoch = self.step = 0  # the step to take next, counted within its epoch
        # Sums of the phases' losses in this epoch.
        self.loss_sum = torch.zeros(len(self.phases), dtype=torch.float64, device=device)
        self.seconds = 0.0  # of this epoch
        self.history: list[dict[str, Any]] = []
        self.flat = 0  # epochs in a row in which the embeddings were collapsed
        self._restore()

    def _objective(self) -> nn.Module:
        if world() > 1:
            synchronise(self.model, self.device)
        if self.recipe.compile:
            for module in self.model.compiled:
                module.compile()  # in place, so that the tensors keep their names
        objective = Objective(self.model, self.phases)
        if world() == 1:
            return objective
        with warnings.catch_warnings():
            # Older versions of torch do not know the new name of the keyword.
            warnings.filterwarnings("ignore", "`broadcast_buffers` is deprecated", FutureWarning)
            # Methods keep buffers equal in all processes, and need not use every layer.
            return DistributedDataParallel(
                objective, broadcast_buffers=False, find_unused_parameters=True
            )

    def run(self) -> pd.DataFrame:
        """Train to the last epoch.

        On SIGTERM the trainer finishes the step, saves the state if it has a keeper, and ends the
        process with exit code 143. If one of several processes gets the signal, all stop.

        Returns:
            One row per epoch: ``epoch`` (from one), ``loss`` (mean over its steps), ``lr`` (of its
            last step), ``images_per_second`` (an image is all its views), ``embedding_std``,
            ``effective_rank`` and ``projection_std`` (see ``coldstart.training.watch``), and the
            model's ``health``, in the first process only. ``loss`` and ``lr`` are of the first
            phase; each other one has its loss in ``loss_{phase}``.

        Raises:
            ColdstartError: the loss, a weight or an embedding is no longer finite, or the
                embeddings have collapsed.
        """
        precision = "bf16" if self.bf16 else "fp32"
        images = ", ".join(f"{feed.count} {name} images" for name, feed in self.feeds.items())
        log.info("training on %s in %s: %s", self.device, precision, images)
        progress = Progress("training step", self._steps_in_all, self._done)
        # To read the loss, the host waits for the GPU. There it is read every 50 steps.
        every = 1 if self.device.type == "cpu" else 50
        with Termination() as termination, self._own_chance():
            while self.epoch < self.recipe.epochs:
                self._clock = time.perf_counter()
                with ExitStack() as stack:
                    batches = self._batches(stack)
                    while self.step < self.steps:
                        self._train_step(batches)
                        stop = anywhere(termination.requested)
                        if stop or self.step % every == 0 or self.step == self.steps:
                            self._report(progress)
                        if stop:
                            self._save()
                            log.warning("stopped by SIGTERM after %s", self._place)
                            raise SystemExit(TERMINATED)
                self._end_epoch()
        if not all(tensor.isfinite().all() for tensor in self.model.state_dict().values()):
            raise self._not_finite("weights")
        return pd.DataFrame(self.history)

    def _own_chance(self) -> AbstractContextManager[None]:
        """Restore torch's global generators afterwards, if layers of the model draw from them."""
        if not self.draws:
            return nullcontext()
        return torch.random.fork_rng([self.device] if self.device.type == "cuda" else [])

    @property
    def _done(self) -> int:
        return self.epoch * self.steps + self.step

    @property
    def _steps_in_all(self) -> int:
        return self.recipe.epochs * self.steps

    @property
    def _place(self) -> str:
        return f"epoch {self.epoch + 1}, step {self.step} of {self.steps}"

    def _lr(self, step: int, phase: int = 0) -> float:
        optimizer = self.optimizers.recipes[self.phases[phase].optimizer]
        return learning_rate(optimizer, step, self.steps, self.recipe.epochs)

    def _batches(self, stack: ExitStack) -> Batches:
        """Open this process's part of the epoch's batches to come, until the stack is closed."""
        opened = {}
        for name, feed in self.feeds.items():
            of_a_step = self.plan.parts * draws(self.phases, name)
            first, left = self._done * of_a_step, (self.steps - self.step) * of_a_step
            opened[name] = stack.enter_context(closing(feed.batches(first, left)))
        return opened

    def _train_step(self, batches: Batches) -> None:
        step = self._done
        self.optimizers.start_step(step, self.steps, self.recipe.epochs)
        for feed in self.feeds.values():
            feed.start_step(step)
        if self.draws:
            torch.manual_seed(seed_of(self.seed, LAYERS, step * world() + rank()))
        seen: list[dict[str, Seen]] = [{} for _ in range(self.plan.parts)]
        for number in range(len(self.phases)):
            self._descend(number, batches, seen)
        self.step += 1
        self.model.after_step(self._done / self._steps_in_all)

    def _descend(self, number: int, batches: Batches, seen: list[dict[str, Seen]]) -> None:
        """Go through a phase of a step.

        Args:
            number: of the phase.
            batches: of each stream, to come.
            seen: what each part of the step has seen so far; this phase's batches are added.
        """
        phase, parts = self.phases[number], self.plan.parts
        done = self._done / self._steps_in_all
        with self.optimizers.turn(phase.optimizer) as optimizer:
            optimizer.zero_grad()
            for part, known in enumerate(seen):
                read = phase.streams or tuple(self.feeds)
                for name in read:
                    if phase.fresh or name not in known:
                        images, labels = next(batches[name])
                        known[name] = Seen(self.feeds[name].views(images), labels)
                batch = {name: known[name] for name in read}
                with self._unshared() if part < parts - 1 else nullcontext():
                    with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
                        loss: Tensor = self.objective(number, batch, done) / parts
                    loss.backward()  # type: ignore[no-untyped-call]
                self.loss_sum[number] += loss.detach()
                if phase is self.phases[-1]:
                    known.clear()  # for memory
            optimizer.step()

    def _unshared(self) -> Any:
        """Return a context in which gradients are accumulated without averaging over processes."""
        shared = isinstance(self.objective, DistributedDataParallel)
        return self.objective.no_sync() if shared else nullcontext()  # type: ignore[operator]

    def _report(self, progress: Progress) -> None:
        # Every process goes on with the mean over all processes.
        self.loss_sum = total(self.loss_sum) / world()
        losses = self._losses
        now = time.perf_counter()
        self.seconds += now - self._clock
        self._clock = now
        for number, (name, loss) in enumerate(losses.items()):
            if not math.isfinite(loss):
                raise self._not_finite(name, number)
        epoch = f"epoch {self.epoch + 1}/{self.recipe.epochs}"
        note = f"{epoch}  loss {losses['loss']:.4f}  {self._rate:.0f} images/s"
        progress.advance(self._done - progress.done, note)

    @property
    def _losses(self) -> dict[str, float]:
        """Each phase's mean over the epoch's steps so far; over all processes once reported."""
        names = ["loss", *(f"loss_{phase.name}" for phase in self.phases[1:])]
        return dict(zip(names, (self.loss_sum / self.step).tolist(), strict=True))

    @property
    def _rate(self) -> float:
        return self.step * self.plan.parts * self.plan.batch / self.seconds

    def _not_finite(self, what: str, phase: int = 0) -> ColdstartError:
        last, optimizer = self._done - 1, self.phases[phase].optimizer
        return ColdstartError(
            f"{self.recipe.called}: the {what} stopped being finite at or before epoch "
            f"{last // self.steps + 1}, step {last % self.steps + 1} of {self.steps} (learning "
            f"rate {self._lr(last, phase):.3g}). Lower {optimizer}.lr, add "
            f"{optimizer}.warmup_epochs" + (", or set precision to fp32." if self.bf16 else ".")
        )

    def _end_epoch(self) -> None:
        row = {
            "epoch": self.epoch + 1,
            **self._losses,
            "lr": self._lr(self._done - 1),
            "images_per_second": self._rate,
        }
        if rank() == 0:
            row |= self._watched()
        self.history.append(row)
        self.epoch, self.step, self.seconds = self.epoch + 1, 0, 0.0
        self.loss_sum.zero_()
        if rank() == 0 and self.snapshots and self.epoch in snapshot_epochs(self.recipe):
            self.snapshots.mkdir(parents=True, exist_ok=True)
            save_tensors(self.model.encoder, self.snapshots / snapshot_name(self.epoch))
        if self.keeper and self.keeper.is_due:
            self._save()

    def _watched(self) -> dict[str, float]:
        """Measure the embeddings, and end a training that has collapsed."""
        seen = look(self.model, self.sample, self.device)
        if not seen.is_finite:
            raise self._not_finite("embeddings")
        self.flat = self.flat + 1 if seen.alike and self._done >= SETTLED else 0
        if seen.alike and self.flat >= PATIENCE and self.flat * self.steps >= SETTLED:
            raise self._collapsed(seen.alike)
        return seen.row

    def _collapsed(self, alike: str) -> ColdstartError:
        causes = ["steps that are too large"]
        remedies = ["lower optimizer.lr", "add optimizer.warmup_epochs"]
        if isinstance(self.recipe, Following):
            causes.append("a target or teacher network that follows too fast")
            remedies.append("let the target keep more of itself at each step")
        if isinstance(self.recipe, Clustering):
            causes.append("nothing that keeps clusters of one size")
            remedies.append("raise SCAN's entropy_weight, or lower self-labelling's threshold")
        return ColdstartError(
            f"{self.recipe.called}: for {self.flat} epochs, up to epoch {self.epoch + 1}, all "
            f"images have had {alike}; the loss is {self._losses['loss']:.4g}: the training has "
            f"collapsed. Likely: {', or '.join(causes)}. Remedies: {'; '.join(remedies)}."
        )

    def _save(self) -> None:
        if self.keeper is None or rank() != 0:
            return
        state = {name: getattr(self, name) for name in PLACE}
        state["model"] = self.model.state_dict()
        state["optimizers"] = self.optimizers.state_dict()
        self.keeper.save(state)

    def _restore(self) -> None:
        if self.keeper is None:
            return
        # The process that saved the state reads it: others may see another folder or file.
        state = of_first(self.keeper.load(torch.device("cpu")) if rank() == 0 else None)
        if state is None:
            return
        self.model.load_state_dict(state["model"])
        self.optimizers.load_state_dict(state["optimizers"])
        for name in PLACE:
            setattr(self, name, state[name])
        self.loss_sum = self.loss_sum.to(self.device)
        log.info("%s: going on after %s", self.keeper.path, self._place)
