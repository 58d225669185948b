import pytest
import torch

from tests.helpers.trainings import load_images


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Threads cost more than they save on nets this small, most of all on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def digits():
    return load_images()
