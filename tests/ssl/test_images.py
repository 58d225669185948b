import numpy as np
import pytest
import torch

from coldstart.training import images as module
from coldstart.training.images import Images, Resident, Streamed, channel_statistics, on_device

CPU = torch.device("cpu")


@pytest.fixture
def some(tmp_path):
    """Rows of a memory map, and the same images in memory."""
    array = np.random.default_rng(0).integers(0, 256, (2500, 2, 3, 1), dtype=np.uint8)
    np.save(tmp_path / "images.npy", array)
    rows = np.random.default_rng(1).permutation(2500)[:2100]
    return Images.open(tmp_path / "images.npy", rows), array[rows]


def test_only_the_rows_asked_for_are_read_from_a_file(some):
    images, expected = some
    assert isinstance(images.array, np.memmap)
    assert (images.shape, len(images), images.size) == (expected.shape, 2100, expected.nbytes)
    np.testing.assert_array_equal(images[3:9], expected[3:9])
    np.testing.assert_array_equal(images[np.array([7, 2])], expected[[7, 2]])
    np.testing.assert_array_equal(np.concatenate(list(images.chunks())), expected)
    np.testing.assert_array_equal(Images.of(expected[::-1])[:], expected[::-1])
    assert Images.of(images) is images


@pytest.mark.parametrize("kind", [Resident, Streamed])
def test_batches_have_the_images_asked_for(some, kind):
    images, expected = some
    places = torch.from_numpy(np.random.default_rng(2).permutation(2100)[:60])
    batches = list(kind(images, CPU).batches(places, 20))
    assert [batch.shape for batch in batches] == [(20, 2, 3, 1)] * 3
    np.testing.assert_array_equal(torch.cat(batches), expected[places])


def test_streaming_is_exactly_one_batch_ahead(some, monkeypatch):
    read = []
    plain = Streamed._read
    monkeypatch.setattr(Streamed, "_read", lambda self, part: read.append(1) or plain(self, part))
    batches = Streamed(some[0], CPU).batches(torch.arange(100), 10)
    next(batches)
    next(batches)
    batches.close()
    assert len(read) <= 3


def test_images_stay_on_the_device_if_they_fit(some, monkeypatch):
    images, gpu = some[0], torch.device("cuda", 0)
    monkeypatch.setattr(module.Resident, "__init__", lambda self, images, device: None)

    class Properties:
        total_memory = 2 * images.size

    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: Properties)
    assert isinstance(on_device(images, gpu, 0.51), Resident)
    assert isinstance(on_device(images, gpu, 0.49), Streamed)
    assert isinstance(on_device(images, CPU, 0.01), Resident)
    assert isinstance(on_device(images, CPU, 0.0), Streamed)


def test_channel_statistics_equal_those_of_all_pixels():
    images = np.random.default_rng(0).integers(0, 256, (1500, 4, 3, 3), dtype=np.uint8)
    images[..., 2] = 7
    mean, std = channel_statistics(images)
    np.testing.assert_allclose(mean, (images / 255).mean((0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(std[:2], (images / 255).std((0, 1, 2))[:2], rtol=1e-9)
    assert std[2] == 1
