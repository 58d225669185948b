"""A network and a linear layer on it, trained end to end on labels."""

from collections import OrderedDict

from torch import Tensor, nn
from torch.nn import functional

from coldstart.config.recipes.learners.classifier import Classifier
from coldstart.learners.model import Head, LearnerModel
from coldstart.training.backbones import Encoder
from coldstart.training.model import LABELLED, Batch, Inputs


class ClassifierModel(LearnerModel):
    """An encoder and its classes' logits; the loss is their cross-entropy.

    Args:
        recipe: which network, and what stands between it and the logits.
        inputs: what is known of the images.
        classes: how many there are.
    """

    def __init__(self, recipe: Classifier, inputs: Inputs, classes: int) -> None:
        super().__init__()
        encoder = Encoder(recipe.backbone, inputs)
        layers = {"encoder": encoder, "logits": Head(recipe, classes)}
        self.online = nn.Sequential(OrderedDict(layers))

    @property
    def encoder(self) -> nn.Module:
        """The backbone."""
        return self.online.get_submodule("encoder")

    def logits(self, embeddings: Tensor) -> Tensor:
        """Map embeddings [N, D] to logits [N, classes]."""
        logits: Tensor = self.online.get_submodule("logits")(embeddings)
        return logits

    def penultimate(self, embeddings: Tensor) -> Tensor:
        """Map the encoder's embeddings [N, D] to the input of the last layer, without dropout."""
        head = self.online.get_submodule("logits")
        assert isinstance(head, Head)
        return head.penultimate(embeddings)

    def training_loss(self, batch: Batch, done: float) -> Tensor:
        """Return the mean cross-entropy of the labelled images' one view."""
        seen = batch[LABELLED]
        assert seen.labels is not None
        return functional.cross_entropy(self(seen.views[0]).float(), seen.labels)


def build(recipe: Classifier, inputs: Inputs, classes: int) -> ClassifierModel:
    """Build an untrained model for such images."""
    return ClassifierModel(recipe, inputs, classes)
