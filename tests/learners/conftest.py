import pytest

from tests.helpers.small_pool import Pool


@pytest.fixture
def pool(tmp_path):
    return Pool(tmp_path)
