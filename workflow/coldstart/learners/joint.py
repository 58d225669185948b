"""A self-supervised loss and cross-entropy, in one training (such as Mandivarapu et al. 2022).

Each step sees images of the whole pool, whose labels nobody asks for, and labelled ones. The loss
is the labelled images' cross-entropy and, weighted, the method's own loss of the others.
"""

from torch import Tensor, nn
from torch.nn import functional

from coldstart.config.recipes.encoders import ENCODERS
from coldstart.config.recipes.learners.joint import Joint
from coldstart.learners.model import Head, LearnerModel
from coldstart.ssl.method import SelfSupervised
from coldstart.training.model import LABELLED, UNLABELLED, Batch, Inputs


class JointModel(LearnerModel):
    """The model of a self-supervised method, and a linear layer on its encoder.

    Args:
        recipe: the method, and its loss's weight.
        inputs: what is known of the images.
        classes: how many there are.
    """

    def __init__(self, recipe: Joint, inputs: Inputs, classes: int) -> None:
        super().__init__()
        self.weight = recipe.weight
        self.method: SelfSupervised = ENCODERS.load(recipe.method).build(recipe.method, inputs)
        self.head = Head(recipe, classes)
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

    def training_loss(self, batch: Batch, done: float) -> Tensor:
        """Return the labelled images' mean cross-entropy, and the weighted loss of the others."""
        seen = batch[LABELLED]
        assert seen.labels is not None
        known = functional.cross_entropy(self(seen.views[0]).float(), seen.labels)
        return known + self.weight * self.method.loss_of_views(batch[UNLABELLED].views, done)

    def after_step(self, done: float) -> None:
        """Do what the method does after each step."""
        self.method.after_step(done)


def build(recipe: Joint, inputs: Inputs, classes: int) -> JointModel:
    """Build an untrained model for such images."""
    return JointModel(recipe, inputs, classes)
