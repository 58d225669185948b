from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from coldstart.running.settings import Settings
from coldstart.ssl import pretrain as stage
from coldstart.ssl.encoders import pretrain
from tests.helpers.cases import CASES
from tests.helpers.trainings import changed, load_images, result


@pytest.fixture
def job(tmp_path):
    """A job on a pool of every other image; the store's artefacts are files in a folder."""
    np.save(tmp_path / "images.npy", load_images(120))
    split = np.where(np.arange(120) % 2, "unlabeled", "test")
    index = pd.DataFrame({"id": np.arange(120), "split": split})
    index.to_parquet(tmp_path / "index.parquet")
    artefact = SimpleNamespace(path=lambda name: tmp_path / name)

    def job(**fields):
        recipe = changed(CASES["byol"], epochs=1, batch_size=20)
        return SimpleNamespace(
            recipe={"encoder": recipe.model_dump(), "seed": 3},
            inputs={"images": artefact, "index": artefact},
            out=tmp_path / "out",
            resume=tmp_path / "resume",
            settings=Settings(**fields.pop("settings", {})),
            **{"gpus": 0, **fields},
        )

    return job


def test_the_unlabeled_images_of_the_pool_are_trained_on(job, tmp_path):
    stage.make(job(settings={"device": "cpu"}))
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
    stage.make(job(gpus=gpus, settings={"images_on_gpu": 0.25}))
    assert asked[0][6:] == (expected, 0.25, None)
