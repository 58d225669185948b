"""A classifier beside a critic of its embeddings: a training of three phases and two optimisers."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from coldstart.config.recipes.learners.base import Network
from coldstart.config.recipes.optimizers import Optimizer
from coldstart.learners.classifier import ClassifierModel
from coldstart.training.images import Images
from coldstart.training.model import LABELLED, UNLABELLED, Inputs, Phase
from coldstart.training.streams import Stream
from coldstart.training.trainer import Trainer
from tests.helpers.small_pool import SETTINGS
from tests.helpers.trainings import CPU

INPUTS = Inputs(8, 8, 1, torch.full((1,), 0.5), torch.full((1,), 0.2))


class Adversarial(Network):
    """A classifier beside a critic of its embeddings."""

    learner: Literal["adversarial"]
    critic: Optimizer

    def streams(self):
        """Return both streams, each seen as the recipe says."""
        return {LABELLED: self, UNLABELLED: self}

    def optimizers(self) -> Mapping[str, Optimizer]:
        """Return the classifier's, and the critic's."""
        return {"optimizer": self.optimizer, "critic": self.critic}


class AdversarialModel(ClassifierModel):
    """Its embeddings are to look alike, with a label and without; a critic tells them apart."""

    weight = 0.3

    def __init__(self, recipe, inputs, classes):
        super().__init__(recipe, inputs, classes)
        self.critic = nn.Linear(recipe.dim, 1)

    def moved(self):
        return {"optimizer": self.online, "critic": self.critic}

    def phases(self):
        return [
            Phase("task", self.training_loss, streams=(LABELLED,)),
            Phase("alike", self.alike),
            Phase("critic", self.critic_loss, optimizer="critic", fresh=True),
        ]

    def alike(self, batch, done):
        return -self.weight * self.critic_loss(batch, done)

    def critic_loss(self, batch, done):
        known, others = (
            self.critic(self.encoder(batch[name].views[0])) for name in (LABELLED, UNLABELLED)
        )
        return functional.softplus(-known).mean() + functional.softplus(others).mean()


def recipe(**changes):
    settings = SETTINGS | {
        "learner": "adversarial", "epochs": 3, "batch_size": 8, "precision": "fp32",
        "optimizer": {"name": "sgd", "lr": 0.02, "schedule": "step", "milestones": [1, 2]},
        "critic": {"name": "adam", "lr": 0.01},
    }  # fmt: skip
    return Adversarial.model_validate(settings | changes)


def gaussians():
    """Images of two classes that differ in their left half; those without a label shine below."""
    rng = np.random.default_rng(0)
    images = rng.normal(110, 20, (104, 8, 8, 1))
    labels = np.arange(40) % 2
    images[:40, :, :4] += np.where(labels, 60, -60)[:, None, None, None]
    images[40:, 4:] += 80
    return np.clip(images, 0, 255).astype(np.uint8), torch.from_numpy(labels)


def streams_of(how, labelled=40):
    images, labels = gaussians()
    return {
        LABELLED: Stream(Images(images, np.arange(labelled)), how.views, 8, labels[:labelled]),
        UNLABELLED: Stream(Images(images, np.arange(40, 104)), how.views, 8),
    }


def network(how, model=AdversarialModel):
    torch.manual_seed(1)
    return model(how, INPUTS, 2)


def trained(how, keeper=None, model=AdversarialModel):
    built = network(how, model)
    history = Trainer(built, streams_of(how), how, 4, CPU, keeper).run()
    return built, history.drop(columns="images_per_second")
