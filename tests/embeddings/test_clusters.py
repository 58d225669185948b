"""Clusters on their way from an encoder to a sampler."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from coldstart.common.errors import ColdstartError
from coldstart.embeddings import embed
from coldstart.embeddings.epochs import encoders_by_epoch
from coldstart.embeddings.tables import read_embeddings
from coldstart.selection.base import SAMPLERS
from coldstart.selection.tables import read_tables
from coldstart.ssl.models import MODEL
from coldstart.training.checkpoint import save_tensors
from tests.helpers.cases import CASES, settled
from tests.helpers.jobs import artefact_in, make_job
from tests.helpers.trainings import load_images

IMAGES = load_images(30)
CANDIDATES = np.array([3, 4, 9, 11, 20, 21, 28])
TEST = np.array([0, 29])


def trained(name):
    """A model that has taken some steps; one with clusters has images in several of them."""
    model = settled(CASES[name]).eval()
    if model.clusters is not None:
        with torch.no_grad():
            model.online.head.bias -= model.online(torch.from_numpy(IMAGES)).mean(0)
    return model


def job(folder, name, output):
    """The stage's job for such a model."""
    save_tensors(trained(name), folder / MODEL)
    np.save(folder / "images.npy", IMAGES)
    splits = {"candidates": CANDIDATES, "test": TEST, "unlabeled": range(len(IMAGES))}
    rows = [(one, split) for split, ids in splits.items() for one in ids]
    pd.DataFrame(rows, columns=["id", "split"]).to_parquet(folder / "index.parquet")
    recipe = {"encoder": CASES[name].model_dump(), "seed": 1}
    artefact = artefact_in(folder, recipe)
    return make_job(
        folder / "out",
        {"output": output, "bn_mode": "eval", "batch_size": 4},
        {"images": artefact, "index": artefact, "checkpoint": artefact},
    )


def probabilities(name, ids):
    with torch.no_grad():
        return trained(name).clusters(torch.from_numpy(IMAGES[ids])).numpy()


@pytest.mark.parametrize("name", ["scan", "self-label"])
def test_embeddings_of_clusters_are_their_probabilities(name, tmp_path):
    embed.make(job(tmp_path, name, "clusters"))
    for split, ids in (("candidates", CANDIDATES), ("test", TEST)):
        found, values = read_embeddings(tmp_path / "out/embeddings.parquet", split)
        assert found.tolist() == ids.tolist()
        assert values.shape == (len(ids), 5)
        np.testing.assert_allclose(values, probabilities(name, ids), rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(values.sum(1), 1, rtol=1e-5)


def test_features_of_an_encoder_with_clusters_are_its_embeddings(tmp_path):
    embed.make(job(tmp_path, "scan", "features"))
    _, values = read_embeddings(tmp_path / "out/embeddings.parquet", "candidates")
    with torch.no_grad():
        expected = trained("scan").encoder(torch.from_numpy(IMAGES[CANDIDATES]))
    np.testing.assert_allclose(values, expected.numpy(), rtol=1e-4, atol=1e-6)


def test_an_encoder_without_clusters_is_an_error(tmp_path):
    with pytest.raises(ColdstartError, match=r"kkk has no clusters"):
        embed.make(job(tmp_path, "byol", "clusters"))


@pytest.mark.parametrize(("name", "epochs"), [("byol", [0, 4]), ("scan", [4])])
def test_encoder_with_clusters_is_not_measured_before_its_training(name, epochs, tmp_path):
    """Weights at epoch 0 would be random, not those of the encoder that it starts from."""
    made = job(tmp_path, name, "features")
    measured = encoders_by_epoch(made, IMAGES.shape[1:], torch.device("cpu"))
    assert [epoch for epoch, _ in measured] == epochs == [*epochs[:-1], CASES[name].epochs]


def test_sampler_reads_the_most_probable_cluster_of_each_candidate(tmp_path):
    made = job(tmp_path, "scan", "clusters")
    embed.make(made)
    inputs = {"index": made.inputs["index"], "clusters": artefact_in(made.out)}
    sampler = SAMPLERS.find("stratified-clusters")(
        sampler="stratified-clusters", allocation="equal"
    )
    tables = read_tables(replace(made, inputs=inputs), sampler, None)
    assert tables.ids.tolist() == CANDIDATES.tolist()
    expected = probabilities("scan", CANDIDATES).argmax(1)
    assert tables.clusters.tolist() == expected.tolist()
    assert tables.clusters.dtype == np.int64
    assert len(set(expected)) > 1
    with pytest.raises(ColdstartError, match="not among its `reads`"):
        _ = tables.embeddings
