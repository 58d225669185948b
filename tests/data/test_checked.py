"""Files that are not as they were published."""

import pytest

from coldstart.common.errors import ColdstartError
from coldstart.data.checked import verify
from coldstart.data.sources import cifar10
from coldstart.running.settings import Settings


def test_repacked_set_is_refused_with_a_remedy(tmp_path):
    path = tmp_path / "data_batch_1"
    path.write_bytes(b"packed anew")
    with pytest.raises(
        ColdstartError, match=r"another edition.*`source: folder` \(docs/data\.md\)"
    ):
        verify(path, "0" * 32)


def test_pickle_of_another_edition_is_never_opened(tmp_path):
    recipe = {"source": "cifar10", "digest": "sha256:" + "0" * 64, "parts": {"train": 5}}
    with pytest.raises(ColdstartError, match=r"pickles.*`source: folder`.*`source: arrays`"):
        cifar10.read(recipe, Settings(data_dir=tmp_path))
