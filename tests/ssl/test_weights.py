"""Files of weights: in a package, published, or one's own."""

import hashlib
import json
import sys

import pytest

from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.weights import Packaged, Published
from coldstart.running.settings import Settings
from coldstart.ssl.weights import LOCK, find, identify, missing

CONTENT = b"as good as weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server(server):
    server.files["/net.pth"] = CONTENT
    return server


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package with a file, which must not be imported."""
    folder = tmp_path / "somebodys_weights"
    (folder / "models").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('imported')")
    (folder / "models/net.pth").write_bytes(CONTENT)
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def packaged(**fields):
    return Packaged(
        **{"package": "somebodys_weights", "file": "models/net.pth", "sha256": SHA256, **fields}
    )


def test_file_of_a_package_is_found_without_importing_it(package):
    weights = packaged()
    assert identify(weights, Settings(), None) == weights
    assert missing(weights, Settings()) is None
    assert find(weights, Settings()) == package / "models/net.pth"
    assert "somebodys_weights" not in sys.modules


@pytest.mark.parametrize("fields", [{"package": "nobodys_weights"}, {"file": "models/other.pth"}])
@pytest.mark.usefixtures("package")
def test_missing_package_is_named_with_a_remedy(fields):
    weights = packaged(**fields)
    assert f"pip install {weights.package}" in missing(weights, Settings())
    with pytest.raises(ColdstartError, match="not installed, or lacks them"):
        find(weights, Settings())


def test_file_with_another_digest_is_refused(package):
    (package / "models/net.pth").write_bytes(CONTENT[:-1])
    with pytest.raises(ColdstartError, match=rf"net.pth has the SHA-256 .* and {SHA256} was exp"):
        find(packaged(), Settings())


def published(server, **fields):
    return Published(url=f"{server.url}/net.pth", **fields)


def test_published_file_is_fetched_where_that_is_wanted(server, tmp_path):
    weights = published(server, sha256=SHA256[:8])
    stays = Settings(data_dir=tmp_path)
    assert identify(weights, stays, None) == weights
    assert f"{server.url}/net.pth" in missing(weights, stays)
    with pytest.raises(ColdstartError, match="download=true"):
        find(weights, stays)
    fetches = Settings(data_dir=tmp_path, download=True)
    assert missing(weights, fetches) is None
    assert find(weights, fetches) == tmp_path / "weights/net.pth"
    assert find(weights, stays).read_bytes() == CONTENT
    assert len(server.asked) == 1


def test_published_file_of_other_content_is_not_kept(server, tmp_path):
    server.files["/net.pth"] = b"something else"
    with pytest.raises(ColdstartError, match=r"has the SHA-256 .* it is another file"):
        find(published(server, sha256=SHA256), Settings(data_dir=tmp_path, download=True))
    assert not list((tmp_path / "weights").iterdir())


def test_mirror_has_the_layout_of_data_dir(server, tmp_path):
    server.files["/copies/weights/net.pth"] = CONTENT
    weights = Published(url="http://127.0.0.1:9/gone/net.pth", sha256=SHA256)
    settings = Settings(data_dir=tmp_path, download=True, mirror=f"{server.url}/copies")
    assert find(weights, settings).read_bytes() == CONTENT


def test_first_file_is_pinned_where_no_digest_is_known(server, tmp_path):
    weights, fetches = published(server), Settings(data_dir=tmp_path, download=True)
    with pytest.raises(ColdstartError, match=f"(?s)download=true.*pinned in .*{LOCK}"):
        identify(weights, Settings(data_dir=tmp_path), None)
    known = identify(weights, fetches, None)
    assert known.sha256 == SHA256
    assert json.loads((tmp_path / LOCK).read_text()) == {weights.url: SHA256}
    assert find(known, fetches).read_bytes() == CONTENT
    # Ever after the pinned digest counts: the plan needs no file, and refuses another one.
    (tmp_path / "weights/net.pth").write_bytes(b"something else")
    assert identify(weights, Settings(data_dir=tmp_path), None) == known
    with pytest.raises(ColdstartError, match="it is another file, or was cut short"):
        find(known, fetches)


def test_file_that_lies_there_is_pinned_too(server, tmp_path):
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights/net.pth").write_bytes(CONTENT)
    assert identify(published(server), Settings(data_dir=tmp_path), None).sha256 == SHA256
    assert not server.asked


@pytest.mark.parametrize("content", ["{", '["a"]', '{"http://a": "abc"}'])
def test_damaged_lock_is_named(server, tmp_path, content):
    (tmp_path / LOCK).write_text(content)
    with pytest.raises(ColdstartError, match=f"{LOCK}.*Mend it"):
        identify(published(server), Settings(data_dir=tmp_path, download=True), None)
