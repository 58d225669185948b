import pytest
from small_pool import Pool


@pytest.fixture
def pool(tmp_path):
    return Pool(tmp_path)
