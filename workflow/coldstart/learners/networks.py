"""Networks as learners: built, loaded, and asked about images."""

from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from coldstart.common.progress import Progress
from coldstart.config.recipes.learners.base import LEARNERS, Network
from coldstart.config.recipes.predictions import Prediction
from coldstart.data.read import read_images
from coldstart.learners.answers import Answer
from coldstart.learners.model import LearnerModel, LossScoring, ScoringModel, dropping
from coldstart.running.job import Job
from coldstart.store import Artefact
from coldstart.training.checkpoint import load_tensors, read_tensors
from coldstart.training.device import chosen_device, place
from coldstart.training.model import Inputs, Trainable, drawing_layers

MODEL = "model.safetensors"


def build_network(recipe: Network, inputs: Inputs, classes: int, seed: int) -> Trainable:
    """Build an untrained network on the CPU, its weights drawn from the seed alone.

    Torch's global generator is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        built: Trainable = LEARNERS.load(recipe).build(recipe, inputs, classes)
    return built


def load_network(
    path: Path, recipe: Network, shape: Sequence[int], classes: int, device: torch.device
) -> Trainable:
    """Load a trained network, in evaluation mode and channels last.

    Args:
        path: its tensors, a safetensors file.
        recipe: the one it was trained by.
        shape: height, width and channels of the images.
        classes: how many there are.
        device: where to put it.

    Raises:
        ColdstartError: names the file, and the tensor that does not fit the recipe.
    """
    height, width, channels = shape
    # The mean and deviation are among the tensors.
    inputs = Inputs(height, width, channels, torch.zeros(channels), torch.ones(channels))
    model = build_network(recipe, inputs, classes, seed=0)
    load_tensors(model, read_tensors(path), path)
    return place(model, device).eval()


def answer_seed(recipe: Mapping[str, Any], *place: int) -> int:
    """Derive the seed of what is random while models answer.

    Args:
        recipe: of the job, which names the encoder's seed and the trial.
        place: what is asked, such as the member and the pass.
    """
    key = (recipe["encoder_seed"], recipe["trial"], *place)
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0])


class Answers:
    """Networks, asked about a pool's images.

    Args:
        job: has the images, and the seeds.
        recipe: of the learner.
        prediction: how its models are asked.
    """

    def __init__(self, job: Job, recipe: Network, prediction: Prediction) -> None:
        self.job, self.recipe, self.prediction = job, recipe, prediction
        self.device = chosen_device(job.settings)

    def ask(
        self, artefact: Artefact, member: int, ids: NDArray[np.int64], tables: Set[str]
    ) -> Answer:
        """Let the images pass a model, as many times as the prediction says.

        They pass the encoder once, and once more for each pass if something within it draws.

        Args:
            artefact: the model.
            member: its number.
            ids: of the images, int64 [n].
            tables: which ones to give; embeddings and scores are those without dropout.
        """
        images = read_images(self.job.inputs["images"], ids)
        classes = artefact.manifest["recipe"]["classes"]
        model = load_network(
            artefact.path(MODEL), self.recipe, images.shape[1:], classes, self.device
        )
        progress = Progress("predicting", len(images))
        losses: dict[str, Any] = {}
        if "scores" in tables and isinstance(model, LossScoring):
            seed = answer_seed(self.job.recipe, member)
            losses, tables = {"scores": model.image_losses(images, ids, seed)}, tables - {"scores"}
        found: dict[str, list[NDArray[Any]]] = {name: [] for name in tables}
        cuda = [self.device] if self.device.type == "cuda" else []
        with torch.inference_mode(), torch.random.fork_rng(cuda, enabled=self.prediction.dropout):
            for start in range(0, len(images), self.recipe.batch_size):
                part = torch.from_numpy(images[start : start + self.recipe.batch_size])
                part = part.to(self.device)
                plain = model.encoder(part)
                for name in tables:
                    table = self._table(name, model, part, plain, (member, start))
                    found[name].append(table.cpu().numpy())
                progress.advance(len(part))
        axes = dict.fromkeys(tables, 0) | {"predictions": 1}  # that the images are along
        whole = {name: np.concatenate(parts, axis=axes[name]) for name, parts in found.items()}
        return Answer(**whole, **losses)

    def _table(
        self, name: str, model: Trainable, images: Tensor, plain: Tensor, place: tuple[int, int]
    ) -> Tensor:
        """Return some images' part of a table; arguments are those of ``_votes``."""
        if isinstance(model, ScoringModel) and name == "scores":
            return model.scores(plain)
        assert isinstance(model, LearnerModel)  # checked while planning, by what a learner gives
        if name == "embeddings":
            return model.penultimate(plain).float()
        return self._votes(model, images, plain, place)

    def _votes(
        self, model: LearnerModel, images: Tensor, plain: Tensor, place: tuple[int, int]
    ) -> Tensor:
        """Return the probabilities in each pass, float64 [passes, n, classes].

        Args:
            model: in evaluation mode.
            images: uint8 [n, height, width, channels].
            plain: their embeddings without dropout, which serve all passes if nothing within the
                encoder draws.
            place: the member and the place of the images, by which passes draw.
        """
        if not self.prediction.dropout:
            return torch.softmax(model.logits(plain).double(), 1)[None]
        inside = drawing_layers(model.encoder)
        found = []
        with dropping(model):
            for number in range(self.prediction.passes):
                torch.manual_seed(answer_seed(self.job.recipe, *place, number))
                logits = model.logits(model.encoder(images) if inside else plain)
                found.append(torch.softmax(logits.double(), 1))
        return torch.stack(found)
