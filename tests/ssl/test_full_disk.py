"""Models and states saved to a full disk: an error that says so, and no leftovers."""

import errno
import pickle
import resource
import signal

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from coldstart.training.checkpoint import save_tensors
from coldstart.training.resume import load_state, save_state


@pytest.fixture
def limited():
    """A limit of 20,000 bytes a file acts like a full disk, and needs no root."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("size", [5_000, 300_000])
def test_full_disk_while_saving_a_model_is_a_system_error(limited, tmp_path, size):
    with pytest.raises(OSError, match="File too large") as error:
        save_tensors(nn.Linear(1, size), tmp_path / "model.safetensors")
    assert error.value.errno == errno.EFBIG


def test_model_file_equals_that_of_safetensors(tmp_path):
    model = nn.Sequential(nn.Linear(7, 5), nn.BatchNorm1d(5))
    save_tensors(model, tmp_path / "ours.safetensors")
    save_file(model.state_dict(), tmp_path / "theirs.safetensors")
    ours, theirs = ((tmp_path / f"{name}.safetensors").read_bytes() for name in ("ours", "theirs"))
    assert ours == theirs


@pytest.mark.parametrize("size", [5_000, 300_000])
def test_full_disk_while_saving_a_state_keeps_the_last_one(limited, tmp_path, size):
    path = tmp_path / "state.pt"
    save_state(path, {"training": "t", "epoch": 1})
    with pytest.raises(OSError, match="File too large") as error:
        save_state(path, {"training": "t", "epoch": 2, "weights": torch.zeros(size)})
    assert error.value.errno == errno.EFBIG
    assert list(tmp_path.iterdir()) == [path]
    assert load_state(path, "t", torch.device("cpu")) == {"training": "t", "epoch": 1}


def test_other_errors_while_saving_a_state_are_reported(tmp_path):
    # Each version of Python words it in its own way, and 3.14 has another type.
    with pytest.raises((AttributeError, pickle.PicklingError), match="local object"):
        save_state(tmp_path / "state.pt", {"training": lambda: None})
    assert list(tmp_path.iterdir()) == []
