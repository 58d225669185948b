"""Recipes of encoders: what turns an image into an embedding, and how it is trained."""

import math
from abc import ABC, abstractmethod
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from coldstart.config.model import Count, Epochs, Model, NonNegative, Positive, Probability
from coldstart.config.recipes.augmentations import Augmentation
from coldstart.config.recipes.backbones import Backbone, Convs
from coldstart.config.recipes.optimizers import Optimizer


class Head(Model):
    """A perceptron on a backbone: linear layers, with BatchNorm and an activation between them."""

    widths: Annotated[list[Count], Field(min_length=1)]
    """Outputs of each layer."""
    batchnorm: bool = True
    """Normalise hidden layers before their activation."""
    activation: Literal["relu", "gelu"] = "relu"
    activate_last: bool = False
    """Normalise and activate the last layer too."""


class Training(Model, ABC):
    """Settings of every network that is trained step by step."""

    backbone: Backbone
    views: Annotated[list[Augmentation], Field(min_length=1)]
    """The augmentation of each view of an image: one view for each."""
    optimizer: Optimizer
    epochs: Epochs
    batch_size: Annotated[int, Field(ge=2)]
    """Images of which a loss is computed at once, on however many GPUs."""
    accumulate: Count = 1
    """Batches whose gradients are averaged for one step of the optimiser."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """``auto`` takes bf16 where the hardware computes it natively, and fp32 elsewhere."""
    compile: bool = False
    """Compile the encoder with torch. This is for GPUs: with two CPU cores a small ResNet took
    half a minute to compile and was then 1.1 times as fast."""
    snapshots: Annotated[int, Field(ge=0)] = 0
    """Number of encoders kept beside the last one, evenly spaced over the epochs."""

    @property
    def dim(self) -> int:
        """Size of an embedding."""
        return self.backbone.dim

    def steps(self, images: int) -> tuple[int, int, int]:
        """Images of a batch, batches of a step, and steps of an epoch of so many images.

        The recipe's numbers are cut to what the images allow; the last, smaller step is left out.
        """
        batch = min(self.batch_size, images)
        parts = min(self.accumulate, images // batch)
        return batch, parts, images // (batch * parts)

    def macs(self, height: int, width: int, channels: int) -> int:
        """Multiply-adds that embed one image."""
        return self.backbone.macs(height, width, channels)

    def activations(self, height: int, width: int, channels: int) -> int:
        """Numbers that the layers put out while they embed one image."""
        return self.backbone.activations(height, width, channels)

    @property
    @abstractmethod
    def called(self) -> str:
        """Name of the training in messages."""


class Trained(Training):
    """An encoder that is trained step by step on unlabelled images."""

    scored: ClassVar[bool] = True
    """True if the model gives each image a loss and a gradient."""
    forwards: ClassVar[int] = 1
    """Passes through the trained network that each view costs."""

    least_steps: Annotated[int, Field(ge=0, exclude=True)] = 0
    """Steps of the optimiser at least: where a pool has so few images that its epochs have fewer,
    there are more epochs. Those are what artefacts are named by, and not this."""

    method: str
    """The method's name: a ``Literal`` in each sub-class."""

    @property
    def called(self) -> str:
        """Name of the training in messages."""
        return self.method

    def settled(self, images: int) -> Self:
        """The recipe for a pool with so many unlabeled images."""
        epochs = math.ceil(self.least_steps / self.steps(images)[2])
        return self.model_copy(update={"epochs": max(self.epochs, epochs)})


TwoViews = Annotated[list[Augmentation], Field(min_length=2, max_length=2)]


class Following(Trained):
    """A method with a target network that follows the trained one as a moving average."""

    target_decay: Probability
    """Share of the old target network that each step keeps: BYOL's tau, the others' momentum."""
    target_schedule: Literal["constant", "cosine"] = "constant"
    """``cosine`` lets the decay rise to one, along half a cosine over the whole training."""


class Predicting(Following):
    """A method that predicts one network's projections from the other's."""

    projector: Head
    predictor: Head

    @model_validator(mode="after")
    def _widths(self) -> Self:
        predicted, projected = self.predictor.widths[-1], self.projector.widths[-1]
        if predicted != projected:
            raise ValueError(
                f"the predictor's last width, {predicted}, must be the projector's, {projected}: "
                "it predicts projections"
            )
        return self


class Byol(Predicting):
    """Bootstrap your own latent (Grill et al. 2020)."""

    method: Literal["byol"]
    views: TwoViews


class SimClr(Trained):
    """A simple framework for contrastive learning of representations (Chen et al. 2020)."""

    method: Literal["simclr"]
    views: TwoViews
    projector: Head
    temperature: Positive


class MocoV2(Following):
    """Momentum contrast with SimCLR's head and blur (He et al. 2020, Chen et al. 2020)."""

    method: Literal["moco-v2"]
    views: TwoViews
    """The views of the query and of its key."""
    projector: Head
    temperature: Positive
    queue: Count
    """Keys of earlier batches that are kept as negatives."""


class BarlowTwins(Trained):
    """Barlow twins: self-supervised learning by redundancy reduction (Zbontar et al. 2021)."""

    method: Literal["barlow-twins"]
    views: TwoViews
    projector: Head
    off_diagonal: Positive
    """Weight of the cross-correlation's other entries beside its diagonal's (lambda)."""


class Moby(Predicting):
    """MoCo's queues with BYOL's asymmetry (Xie et al. 2021)."""

    method: Literal["moby"]
    views: TwoViews
    temperature: Positive
    queue: Count
    """Keys of earlier batches that are kept as negatives, of each view."""


class Dino(Following):
    """Self-distillation with no labels (Caron et al. 2021)."""

    method: Literal["dino"]
    views: Annotated[list[Augmentation], Field(min_length=2)]
    """The first two are global ones, which the teacher sees too; all others are local."""
    projector: Head
    """Up to the bottleneck, whose unit vectors meet the prototypes."""
    prototypes: Count
    """Outputs of the last layer (K)."""
    temperature: Positive = 0.1
    """Temperature of the student's softmax."""
    teacher_temperature: Positive = 0.07
    teacher_temperature_start: Positive = 0.04
    """Where the teacher's temperature starts; it rises linearly over the warm-up."""
    teacher_warmup_epochs: Annotated[int, Field(ge=0)] = 30
    centre_momentum: Probability = 0.9
    """Share of the old centre that each step keeps."""
    frozen_epochs: Annotated[int, Field(ge=0)] = 1
    """Epochs at the start in which the last layer is left as it is."""


OneView = Annotated[list[Augmentation], Field(min_length=1, max_length=1)]


class Vae(Trained):
    """A variational autoencoder (Kingma and Welling 2014)."""

    forwards: ClassVar[int] = 8
    """The decoder has the encoder's convolutions at four times the positions, and one more."""

    method: Literal["vae"]
    backbone: Convs
    views: OneView
    kl_weight: NonNegative
    """Weight of an image's divergence from the prior beside its mean squared error."""


class Rotation(Trained):
    """Predicting by how many quarter turns an image was rotated (Gidaris et al. 2018)."""

    forwards: ClassVar[int] = 4

    method: Literal["rotation"]
    views: OneView
    """Square: of the image's size if that is, or else with a crop that has a size."""


class Clustering(Trained):
    """Training that starts from an encoder of the same pool and seed and clusters the images.

    It has one head. (Van Gansbeke et al. train several on ImageNet and keep the best.)
    """

    encoder: str
    """The recipe of the encoder that it goes on from, which has the same backbone."""
    clusters: Annotated[int, Field(ge=2)]
    views: TwoViews


class Scan(Clustering):
    """Semantic clustering by adopting nearest neighbours (Van Gansbeke et al. 2020, eq. 2)."""

    method: Literal["scan"]
    views: TwoViews
    """The views of an image and of one of its neighbours."""
    neighbours: Count
    """Images of which each view of a neighbour is drawn: the most similar ones by the embeddings
    that the training starts from."""
    entropy_weight: NonNegative
    """Weight of the mean prediction's entropy, which keeps all clusters in use (lambda)."""


class SelfLabel(Clustering):
    """Learning from one's own confident predictions (Van Gansbeke et al. 2020, section 2.3)."""

    method: Literal["self-label"]
    encoder: str
    """One of method ``scan``, with as many clusters."""
    views: TwoViews
    """The one whose prediction becomes a label, and the stronger one that is to get it too."""
    threshold: Probability
    """The probability above which a prediction counts as confident."""


Channels = Annotated[list[Positive], Field(min_length=3, max_length=3)]


class Existing(Model):
    """A network of a library, with weights from a file: nothing is trained."""

    scored: ClassVar[bool] = False

    method: Literal["existing"]
    library: Literal["torchvision", "timm"]
    name: str
    """As the library names the network, such as ``resnet50``."""
    weights: str
    """A file of PyTorch or safetensors; a relative path is one below ``data_dir``. It is no part of
    any key: the digest of its content stands in its place."""
    prefix: str = ""
    """Prefix of the network's names in the file, such as ``module.encoder_q.``."""
    size: Count
    """Height and width that images are resized to."""
    mean: Channels = [0.485, 0.456, 0.406]
    """Mean of each channel over the network's training images; ImageNet's unless given."""
    std: Channels = [0.229, 0.224, 0.225]

    @property
    def dim(self) -> int:
        """Size of an embedding: a guess, since it shows only when the network is built."""
        return 2048

    def macs(self, height: int, width: int, channels: int) -> int:
        """Multiply-adds that embed one image: a guess, those of a ViT-B/16 at this size."""
        return int(18e9 * (self.size / 224) ** 2)

    def activations(self, height: int, width: int, channels: int) -> int:
        """Numbers that are put out on the way: the resized image; few pass the net at a time."""
        return 3 * self.size**2


class Transferred(Model):
    """An encoder that was trained on another pool, as it is."""

    method: Literal["transferred"]
    pool: str
    """The pool that it was trained on."""
    encoder: str
    """Its recipe."""


class Pca(Model):
    """Principal components of the raw pixels: the baseline without learning."""

    scored: ClassVar[bool] = False

    method: Literal["pca"]
    components: Count
    """Fewer where the images or their pixels are fewer."""

    @property
    def dim(self) -> int:
        """Size of an embedding, at most."""
        return self.components

    def macs(self, height: int, width: int, channels: int) -> int:
        """Multiply-adds that embed one image."""
        return height * width * channels * self.components

    def activations(self, height: int, width: int, channels: int) -> int:
        """Numbers that are put out on the way: the image itself, as floats."""
        return height * width * channels


Encoder = Annotated[
    Byol
    | SimClr
    | MocoV2
    | BarlowTwins
    | Moby
    | Dino
    | Vae
    | Rotation
    | Scan
    | SelfLabel
    | Existing
    | Pca,
    Field(discriminator="method"),
]

EncoderRecipe = Annotated[Encoder | Transferred, Field(discriminator="method")]
"""An encoder as a file names it; a transferred one stands for the encoder that it names."""


def method_module(recipe: Encoder | Trained) -> str:
    """The module that holds a recipe's method."""
    return f"coldstart.ssl.methods.{recipe.method.replace('-', '_')}"
