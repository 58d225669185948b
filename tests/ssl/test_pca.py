import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.encoders.pca import Pca
from coldstart.ssl.encoders import pretrain
from coldstart.ssl.models import load_model

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def digits():
    images = load_digits().images
    return np.minimum(images * 16, 255).astype(np.uint8)[..., None]


def fitted(images, components, folder, seed=0):
    recipe = Pca(method="pca", components=components)
    pretrain(images, recipe, seed, CPU, None, folder)
    return load_model(folder, recipe, images.shape[1:], CPU)


def test_projection_equals_exact_pca_of_scikit_learn(digits, tmp_path):
    model = fitted(digits[:1500], 8, tmp_path)
    pixels = digits.reshape(len(digits), -1).astype(np.float64) / 255
    exact = PCA(8, svd_solver="full").fit(pixels[:1500])
    ours, theirs = model.encoder(torch.from_numpy(digits)).numpy(), exact.transform(pixels)
    signs = np.sign((ours * theirs).sum(0))
    np.testing.assert_allclose(ours * signs, theirs, atol=1e-4)
    components = model.encoder.components.double().numpy()
    cosines = np.linalg.svd(components @ exact.components_.T, compute_uv=False)
    np.testing.assert_allclose(cosines, 1, atol=1e-6)  # of the subspaces' principal angles
    history = pd.read_parquet(tmp_path / "history.parquet")
    assert history["component"].tolist() == list(range(8))
    np.testing.assert_allclose(
        history["explained_variance_ratio"], exact.explained_variance_ratio_, rtol=1e-4
    )


def test_large_inputs_are_close_to_exact_and_reproducible(tmp_path):
    generator = np.random.default_rng(0)  # 600 x 1200: scikit-learn's randomised solver
    factors = generator.normal(size=(600, 10)) * np.geomspace(40, 4, 10)
    pixels = factors @ np.linalg.qr(generator.normal(size=(1200, 10)))[0].T * 8 + 128
    images = np.clip(pixels, 0, 255).round().astype(np.uint8).reshape(600, 20, 20, 3)
    first, again = (fitted(images, 5, tmp_path / name) for name in "ab")
    assert torch.equal(first.encoder.components, again.encoder.components)
    exact = PCA(5, svd_solver="full").fit(images.reshape(600, -1) / 255)
    components = first.encoder.components.double().numpy()
    cosines = np.linalg.svd(components @ exact.components_.T, compute_uv=False)
    np.testing.assert_allclose(cosines, 1, atol=1e-4)


def test_embeddings_are_float32_and_centred(digits, tmp_path):
    embeddings = fitted(digits, 8, tmp_path).encoder(torch.from_numpy(digits))
    assert embeddings.dtype == torch.float32
    torch.testing.assert_close(embeddings.mean(0), torch.zeros(8), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("count", "expected"), [(20, 20), (1000, 64)])
def test_components_are_limited_by_images_and_pixels(digits, tmp_path, count, expected):
    model = fitted(digits[:count], 100, tmp_path)
    assert model.encoder.dim == expected
    assert model.encoder(torch.from_numpy(digits[:3])).shape == (3, expected)


def test_one_image_is_an_error(digits, tmp_path):
    with pytest.raises(ColdstartError, match="needs two images"):
        fitted(digits[:1], 4, tmp_path)


def test_loading_with_fewer_components_names_tensor_and_file(digits, tmp_path):
    fitted(digits[:100], 8, tmp_path)
    message = r"model.safetensors.*projection.components.*\[8, 64\]"
    with pytest.raises(ColdstartError, match=message):
        load_model(tmp_path, Pca(method="pca", components=4), (8, 8, 1), CPU)
