"""A self-supervised loss and cross-entropy, in one training (such as Mandivarapu et al. 2022).

The loss is the cross-entropy of labelled images and, weighted, the method's own loss of images
whose labels nobody asks for, or of the labelled ones, or of both. MoBYv2AL (Caramalau et al. 2022,
section 3) has both, and takes a step of the optimiser for each by turns.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from coldstart.config.recipes.encoders import ENCODERS
from coldstart.config.recipes.learners.joint import Joint
from coldstart.config.recipes.scores import Score
from coldstart.data.read import read_labels
from coldstart.data.unclassed import OUTLIER
from coldstart.data.unclassed import UNLABELLED as UNKNOWN
from coldstart.embeddings.passes import in_passes, losses
from coldstart.learners.beside import Beside, without_label
from coldstart.learners.labels import Bought
from coldstart.learners.model import Head, LearnerModel, LossScoring
from coldstart.learners.networks import MODEL, load_network
from coldstart.running.job import Job
from coldstart.ssl.method import SelfSupervised
from coldstart.training.device import chosen_device
from coldstart.training.images import Images
from coldstart.training.model import LABELLED, UNLABELLED, Batch, Inputs, Phase, Seen


class JointModel(LearnerModel, LossScoring):
    """The model of a self-supervised method, and a linear layer on its encoder.

    Args:
        recipe: the method, its loss's weight, and what each of the losses sees.
        inputs: what is known of the images.
        classes: how many there are.
    """

    def __init__(self, recipe: Joint, inputs: Inputs, classes: int) -> None:
        super().__init__()
        self.recipe = recipe
        self.method: SelfSupervised = ENCODERS.load(recipe.method).build(recipe.method, inputs)
        self.head = Head(recipe, classes)
        self.head[-1].requires_grad_(not recipe.frozen_head)
        self.followed = True  # the method's target network, since the last step of the optimiser
        object.__setattr__(self, "online", self.method.online)  # a module of one name alone

    @property
    def encoder(self) -> nn.Module:
        """Network that gives the embeddings, which both losses train."""
        return self.method.encoder

    def logits(self, embeddings: Tensor) -> Tensor:
        """Map embeddings [N, D] to logits [N, classes]."""
        logits: Tensor = self.head(embeddings)
        return logits

    def penultimate(self, embeddings: Tensor) -> Tensor:
        """Map the encoder's embeddings [N, D] to the input of the last layer, without dropout."""
        return self.head.penultimate(embeddings)

    def image_losses(
        self, images: NDArray[np.uint8], ids: NDArray[np.int64], seed: int
    ) -> NDArray[np.float64]:
        """Return each image's self-supervised loss of one draw of the method's views."""
        device = next(self.parameters()).device
        how, views = Score(score="loss", passes=1), self.recipe.method.views
        found = in_passes(self.method, losses(self.method), images, ids, views, how, seed, device)
        return found.reshape(-1).astype(np.float64)

    def phases(self) -> Sequence[Phase]:
        """Return one phase for both streams or, where they take turns, one for each."""
        if self.recipe.turns == "together":
            return super().phases()
        return [
            Phase("labelled", self.labelled_loss, streams=(LABELLED,)),
            Phase("unlabelled", self.unlabelled_loss, streams=(UNLABELLED,)),
        ]

    def training_loss(self, batch: Batch, done: float) -> Tensor:
        """Return the loss of labelled images and, where there are any, of the others."""
        loss = self._of_labelled(batch[LABELLED], done)
        return loss + self._of_others(batch[UNLABELLED], done) if UNLABELLED in batch else loss

    def labelled_loss(self, batch: Batch, done: float) -> Tensor:
        """Return the loss of labelled images, whose turn is first."""
        self.followed = False
        return self._of_labelled(batch[LABELLED], done)

    def unlabelled_loss(self, batch: Batch, done: float) -> Tensor:
        """Return the loss of unlabelled images, whose turn is second."""
        if not self.followed:  # what follows a step, since the labelled images have had theirs
            self.method.after_step(done)
            self.followed = True
        return self._of_others(batch[UNLABELLED], done)

    def after_step(self, done: float) -> None:
        """Do what the method does after each step."""
        self.method.after_step(done)
        self.followed = True

    def _of_labelled(self, seen: Seen, done: float) -> Tensor:
        """The mean cross-entropy and, if the recipe says so, the weighted loss of the same images.

        The method has its own views of them, the first ones.
        """
        assert seen.labels is not None
        views, classified = seen.views, 0
        if self.recipe.on_labelled:
            views, classified = seen.views[: self._own], self.recipe.classified
        known = functional.cross_entropy(self(seen.views[classified]).float(), seen.labels)
        if not self.recipe.on_labelled:
            return known
        return known + self.recipe.weight * self.method.loss_of_views(views, done)

    def _of_others(self, seen: Seen, done: float) -> Tensor:
        """The weighted loss of images without a label, and of leaked labels the cross-entropy.

        This is its sum over the images with a leaked label, divided by the number of all, as if
        whole batches were leaked and others not.
        """
        loss = self.recipe.weight * self.method.loss_of_views(seen.views[: self._own], done)
        if seen.labels is None:
            return loss
        leaked = self(seen.views[self.recipe.classified]).float()
        wrongs = functional.cross_entropy(
            leaked, seen.labels, ignore_index=UNKNOWN, reduction="sum"
        )
        return loss + wrongs / len(leaked)

    @property
    def _own(self) -> int:
        """Number of the method's views."""
        return len(self.recipe.method.views)


def build(recipe: Joint, inputs: Inputs, classes: int) -> JointModel:
    """Build an untrained model for such images."""
    return JointModel(recipe, inputs, classes)


def beside(job: Job, recipe: Joint, bought: Bought, pool: Images, seed: int) -> Beside:
    """Return the images of the stream ``unlabelled``, as the recipe says.

    Where fewer than two images have no label, all images of the pool take their place.

    Args:
        job: has the model of the cycle before, and the oracle's labels, where they are read.
        recipe: of the learner.
        bought: labels, and outliers, which were bought too.
        pool: all images of the pool.
        seed: of the training.
    """
    rng = np.random.default_rng((seed, len(bought.ids)))
    images, rest = pool, without_label(bought, pool)
    if recipe.unlabelled not in ("all", "none") and len(rest) > 1:
        images = Images(pool.array, rest)
        count = min(len(rest), max(len(bought.ids), 2))
        if recipe.unlabelled == "lowest-loss" and "before" in job.inputs:
            order = np.argsort(_losses(job, recipe, images, seed), kind="stable")
            images = Images(pool.array, np.sort(rest[order[:count]]))
        elif recipe.unlabelled != "without-label":
            images = Images(pool.array, np.sort(rng.choice(rest, count, replace=False)))
    if not recipe.leaked:
        return Beside(images)
    return Beside(images, torch.from_numpy(_leaked(job, recipe.leaked, images.rows, rng)))


def _losses(job: Job, recipe: Joint, images: Images, seed: int) -> NDArray[np.float64]:
    """Each image's self-supervised loss by the model of the cycle before, float64 [n]."""
    device = chosen_device(job.settings)
    path, classes = job.inputs["before"].path(MODEL), job.recipe["classes"]
    model = load_network(path, recipe, images.shape[1:], classes, device)
    assert isinstance(model, JointModel)
    return model.image_losses(images[:], images.rows, seed)


def _leaked(
    job: Job, share: float, ids: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Labels of a share of the images; UNKNOWN for the others, and for images of no class."""
    labels = np.full(len(ids), UNKNOWN)
    drawn = rng.permutation(len(ids))[: round(share * len(ids))]
    found = read_labels(job.inputs["labels"], ids[drawn])
    labels[drawn] = np.where(found == OUTLIER, UNKNOWN, found)
    return labels
