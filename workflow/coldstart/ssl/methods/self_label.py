"""Self-labelling: Van Gansbeke et al. 2020, section 2.3, https://arxiv.org/abs/2005.12320.

After SCAN, an image whose cluster is predicted with confidence has that cluster for its label, and
the network learns to give it to a stronger view of the image.
"""

import logging
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from coldstart.config.recipes.encoders.self_label import SelfLabel
from coldstart.ssl.clusters import ClusterModel
from coldstart.ssl.health import cluster_sizes
from coldstart.training.backbones import Encoder
from coldstart.training.distributed import total
from coldstart.training.images import Images
from coldstart.training.model import EncoderModel, Inputs
from coldstart.training.neighbours import embed_images

log = logging.getLogger("coldstart")

LOOKED_AT = 4096
"""Images at most that are looked at before a training."""


class SelfLabelModel(ClusterModel):
    """The encoder and the classifier that SCAN left.

    Args:
        recipe: how many clusters, and which predictions count as confident.
        encoder: images to embeddings.
    """

    def __init__(self, recipe: SelfLabel, encoder: Encoder) -> None:
        super().__init__(recipe, encoder)
        self.threshold, self.count = recipe.threshold, recipe.clusters

    def go_on_from(self, start: EncoderModel) -> None:
        """Take over the encoder's and the classifier's weights."""
        online = start.get_submodule("online")
        self.online.load_state_dict(online.state_dict())

    def look_at(self, start: EncoderModel, images: Images, device: torch.device) -> None:
        """Tell of clusters that give no labels at first: they fade while the others grow."""
        assert start.clusters is not None
        every = -(-len(images) // LOOKED_AT)
        some = Images(images.array, images.rows[::every])
        probabilities = embed_images(start.clusters, some, device).cpu().numpy()
        sure = cluster_sizes(probabilities[probabilities.max(axis=1) > self.threshold])
        if not sure.all():
            log.warning(
                "self-label: of %d images, none is surer than %g of %d of the %d clusters. These "
                "get no labels and may die out: lower threshold, or train the encoders that it "
                "goes on from for longer",
                len(some),
                self.threshold,
                int((sure == 0).sum()),
                self.count,
            )

    def losses(self, views: Sequence[Tensor], ids: Tensor | None = None) -> Tensor:
        """Return each image's cross-entropy [N], whether its prediction is confident or not.

        Args:
            views: two of the same images, each float [N, C, H, W] in [0, 1]: the one that gives the
                labels, and the stronger one.
            ids: not read.
        """
        return self._compare(views)[0]

    def loss_of_views(self, views: Sequence[Tensor], done: float) -> Tensor:
        """Return the mean over clusters of the mean loss of their confident images.

        That is the cross-entropy whose weights are inverse to how often a label occurs in the whole
        batch. Clusters without a confident image do not count; where there is none at all, the loss
        is nought.
        """
        losses, probabilities, labels = self._compare(views)
        confident = (probabilities > self.threshold).to(losses.dtype)
        # A sum, and no count by index: on a GPU that would depend on the order of its threads. Nor
        # a matrix product, which autocast would round to bf16's eight bits.
        chosen = functional.one_hot(labels, self.count).to(losses.dtype)
        counts = total((confident.unsqueeze(1) * chosen).sum(0))
        weights = confident / counts.clamp(min=1)[labels]
        return total((weights * losses).sum()) / (counts > 0).sum().clamp(min=1)

    def _compare(self, views: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Return the loss of each image, its most probable cluster, and the probability, [N]."""
        weak, strong = views
        with torch.no_grad():
            predicted = torch.softmax(self.online(weak).float(), dim=1)
            probabilities, labels = predicted.max(dim=1)
        losses = functional.cross_entropy(self.online(strong).float(), labels, reduction="none")
        return losses, probabilities, labels


def build(recipe: SelfLabel, inputs: Inputs) -> SelfLabelModel:
    """Build an untrained model for such images."""
    return SelfLabelModel(recipe, Encoder(recipe.backbone, inputs))
