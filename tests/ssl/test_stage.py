import numpy as np
import pandas as pd
import pytest
import torch

from coldstart.ssl import pretrain as stage
from coldstart.ssl.encoders import pretrain
from tests.helpers.cases import CASES
from tests.helpers.jobs import artefact_in, make_job
from tests.helpers.trainings import changed, load_images, result


@pytest.fixture
def job(tmp_path):
    """A job on a pool of every other image."""
    np.save(tmp_path / "images.npy", load_images(120))
    split = np.where(np.arange(120) % 2, "unlabeled", "test")
    index = pd.DataFrame({"id": np.arange(120), "split": split})
    index.to_parquet(tmp_path / "index.parquet")
    artefact = artefact_in(tmp_path)

    def job(**asked):
        recipe = changed(CASES["byol"], epochs=1, batch_size=20)
        inputs = {"images": artefact, "index": artefact}
        return make_job(
            tmp_path / "out", {"encoder": recipe.model_dump(), "seed": 3}, inputs, **asked
        )

    return job


def test_training_uses_the_unlabeled_images_of_the_pool(job, tmp_path):
    stage.make(job())
    recipe = changed(CASES["byol"], epochs=1, batch_size=20)
    pretrain(load_images(120)[1::2], recipe, 3, torch.device("cpu"), None, tmp_path / "same")
    (ours, _), (theirs, _) = result(tmp_path / "out"), result(tmp_path / "same")
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize(
    ("device", "gpus", "expected"), [("cuda", 4, 2), ("cuda", 1, 1), ("cpu", 4, 1)]
)
def test_each_gpu_of_the_job_has_a_process(job, monkeypatch, device, gpus, expected):
    asked = []
    monkeypatch.setattr(stage, "chosen_device", lambda settings: torch.device(device))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(stage, "pretrain", lambda *arguments: asked.append(arguments))
    stage.make(job(gpus=gpus, images_on_gpu=0.25))
    assert asked[0][6:] == (expected, 0.25, None)
