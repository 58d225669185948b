import os

import pytest

from coldstart.data.download import one_at_a_time
from tests.helpers.clones import Clone


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """A clone in which the whole quickstart study was built at smoke scale.

    The worker that comes first builds it, and each has a copy of its own.
    """
    own = tmp_path_factory.getbasetemp()
    ours = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    first = ours / "first"
    with one_at_a_time(ours):
        if not first.exists():
            clone = Clone.new(tmp_path_factory.mktemp("building"))
            clone.snakemake()
            clone.folder.rename(first)
    return Clone(first).copy(own / "built")


@pytest.fixture
def copy_of(tmp_path):
    """A second copy of a built clone, results and all, that a test may change."""
    return lambda clone: clone.copy(tmp_path / "copy")


@pytest.fixture
def fresh(tmp_path):
    """A clone in which nothing was built."""
    return Clone.new(tmp_path / "fresh")


@pytest.fixture(scope="session")
def clone_at():
    """Makes a clone, in which nothing was built, in a folder."""
    return Clone.new
