"""Principal components of the raw pixels: the baseline without learning."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from coldstart.config.recipes.encoders.pca import Pca
from coldstart.training.images import Images
from coldstart.training.model import EncoderModel, Inputs


class PcaEncoder(nn.Module):
    """Project centred pixels: uint8 [N, H, W, C] -> float32 [N, D].

    Args:
        mean: each pixel's mean, in [0, 1], [P] with P = H W C.
        components: orthonormal rows [D, P], by falling variance.
    """

    mean: Tensor
    components: Tensor

    def __init__(self, mean: Tensor, components: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean.float())
        self.register_buffer("components", components.float())
        self.dim = len(components)

    def forward(self, images: Tensor) -> Tensor:
        """Map uint8 [N, H, W, C] to float32 [N, D]."""
        return (images.flatten(1).float() / 255 - self.mean) @ self.components.T


class PcaModel(EncoderModel):
    """The fitted projection, in the place where a trained model has its encoder."""

    def __init__(self, mean: Tensor, components: Tensor) -> None:
        super().__init__()
        self.projection = PcaEncoder(mean, components)

    @property
    def encoder(self) -> PcaEncoder:
        """The projection itself."""
        return self.projection


def fit(images: Images, recipe: Pca, inputs: Inputs, seed: int) -> tuple[PcaModel, pd.DataFrame]:
    """Fit the components.

    Args:
        images: uint8 [N, H, W, C].
        recipe: how many components; no more than images or pixels are taken.
        inputs: not read.
        seed: for scikit-learn's randomised solver, which large inputs use.

    Returns:
        The model, and a table of ``component`` and ``explained_variance_ratio``.
    """
    from sklearn.decomposition import PCA  # 2 seconds, which no other job should wait

    pixels = images[:].reshape(len(images), -1).astype(np.float32)
    pixels /= 255
    count = min(recipe.components, *pixels.shape)
    # scikit-learn would subtract the means only after multiplying, which costs float32 its digits.
    mean = pixels.mean(axis=0, dtype=np.float64)
    pixels -= mean.astype(np.float32)
    pca = PCA(count, random_state=seed, copy=False).fit(pixels)
    model = PcaModel(torch.from_numpy(mean), torch.from_numpy(pca.components_))
    ratio = pca.explained_variance_ratio_
    return model, pd.DataFrame({"component": range(count), "explained_variance_ratio": ratio})


def restore(tensors: dict[str, Tensor], recipe: Pca, inputs: Inputs) -> PcaModel:
    """Build an empty model of the size that a checkpoint has, as far as the recipe allows it.

    Args:
        tensors: of the checkpoint.
        recipe: the largest number of components.
        inputs: not read.
    """
    stored = tensors.get("projection.components", torch.zeros(0, 0))
    components = stored.new_zeros(min(len(stored), recipe.components), *stored.shape[1:])
    return PcaModel(torch.zeros(stored.shape[1:]), components)
