"""Tests on a GPU, of what is tested on a CPU elsewhere; they are skipped where there is none."""

import os

import pytest
import torch

from coldstart.training.device import make_deterministic

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA is started


@pytest.fixture(scope="session")
def gpu():
    if not torch.cuda.is_available():
        pytest.skip("needs a GPU, and torch sees none")
    return torch.device("cuda", 0)


@pytest.fixture
def deterministic():
    """The same bytes each time, as the setting ``deterministic`` has it."""
    benchmark = torch.backends.cudnn.benchmark
    make_deterministic()
    yield
    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.benchmark = benchmark


@pytest.fixture
def float32(monkeypatch):
    """Products in all of float32: convolutions are otherwise in TF32, with ten bits."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
