"""Downloads, from a server on this machine: resumed, checked, mirrored, unpacked."""

import hashlib
import io
import tarfile
import threading

import numpy as np
import pytest

from coldstart.common.errors import ColdstartError
from coldstart.data import download as module
from coldstart.data.download import download
from coldstart.data.published import File, PublishedSet
from coldstart.data.sources import mnist, tiny_imagenet
from coldstart.running.settings import Settings

CONTENT = np.random.default_rng(0).bytes(3_000_000)
MD5 = hashlib.md5(CONTENT).hexdigest()


def test_interrupted_download_is_resumed(server, tmp_path, caplog):
    caplog.set_level("INFO", "coldstart")
    server.files["/file"] = CONTENT
    server.cuts = [1_200_000, 800_000]
    download(f"{server.url}/file", tmp_path / "file", f"md5:{MD5}")
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert [asked for _, asked in server.asked] == [None, "bytes=1200000-", "bytes=2000000-"]
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert "file (MB)  3/3" in caplog.text


def test_a_later_run_resumes_what_an_earlier_one_left(server, tmp_path):
    server.files["/file"] = CONTENT
    (tmp_path / "file.part").write_bytes(CONTENT[:2_999_999])
    download(f"{server.url}/file", tmp_path / "file", f"md5:{MD5}")
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert server.asked == [("/file", "bytes=2999999-")]


def test_complete_part_file_is_used(server, tmp_path):
    server.files["/file"] = CONTENT
    (tmp_path / "file.part").write_bytes(CONTENT)
    download(f"{server.url}/file", tmp_path / "file", f"md5:{MD5}")
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_download_starts_again_if_the_server_has_no_ranges(server, tmp_path):
    server.files["/file"] = CONTENT
    server.ranges = False
    (tmp_path / "file.part").write_bytes(b"something else")
    download(f"{server.url}/file", tmp_path / "file", f"md5:{MD5}")
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_file_with_another_digest_is_refused_and_not_kept(server, tmp_path):
    server.files["/file"] = CONTENT[:-1] + b"!"
    with pytest.raises(ColdstartError, match=f"published one is {MD5}"):
        download(f"{server.url}/file", tmp_path / "file", f"md5:{MD5}")
    assert list(tmp_path.iterdir()) == []


def test_missing_file_is_requested_once(server, tmp_path):
    with pytest.raises(ColdstartError, match=r"cannot be fetched.*404.*mirror="):
        download(f"{server.url}/file", tmp_path / "file", f"md5:{MD5}")
    assert len(server.asked) == 1


def test_repeatedly_interrupted_download_ends_and_keeps_its_part_file(server, tmp_path):
    server.files["/file"] = CONTENT
    server.cuts = [1000] * module.ATTEMPTS
    with pytest.raises(ColdstartError, match="cannot be fetched"):
        download(f"{server.url}/file", tmp_path / "file", f"md5:{MD5}")
    assert (tmp_path / "file.part").read_bytes() == CONTENT[: 1000 * module.ATTEMPTS]
    assert not (tmp_path / "file").exists()


def archive_of(files):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return content.getvalue()


@pytest.fixture
def archived(server):
    """A published set of two files in an archive, and its recipe."""
    archive = archive_of({"set/a": b"aa", "set/readme": b"no", "set/b": b"bb", "../evil": b"!"})
    server.files["/far/set.tar.gz"] = archive
    published = PublishedSet(
        "Set",
        "page",
        {part: [File(f"set/{part}", hashlib.md5(part.encode() * 2).hexdigest())] for part in "ab"},
        File("set.tar.gz", hashlib.md5(archive).hexdigest(), f"{server.url}/far/set.tar.gz"),
    )
    return published, {"digest": published.digest, "parts": {"a": 1, "b": 1}}


def test_archive_is_downloaded_once_and_unpacked(server, archived, tmp_path):
    published, recipe = archived
    data = tmp_path / "data"
    settings = Settings(data_dir=data, download=True)
    opened = published.open(recipe, settings)
    assert [files[0].path.read_bytes() for files in opened.values()] == [b"aa", b"bb"]
    found = {str(path.relative_to(data)) for path in data.rglob("*") if path.is_file()}
    assert found == {"set/a", "set/b", "set.tar.gz", ".coldstart.lock"}
    (data / "set" / "a").unlink()
    published.open(recipe, settings)
    assert len(server.asked) == 1
    assert not (tmp_path / "evil").exists()


def test_two_jobs_that_start_together_fetch_a_set_once(server, archived, tmp_path):
    published, recipe = archived
    settings = Settings(data_dir=tmp_path, download=True)
    jobs = [threading.Thread(target=published.open, args=(recipe, settings)) for _ in range(2)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert len(server.asked) == 1


def test_nothing_is_downloaded_without_the_setting(server, archived, tmp_path):
    published, recipe = archived
    with pytest.raises(ColdstartError, match="download=true"):
        published.open(recipe, Settings(data_dir=tmp_path))
    assert server.asked == []


def test_a_mirror_has_the_layout_of_data_dir(server, tmp_path, monkeypatch):
    settings = Settings(data_dir=tmp_path, download=True, mirror=f"{server.url}/sets/")
    for part in mnist.SET.parts.values():
        for file in part:
            server.files[f"/sets/{file.path}"] = b"not what it should be"
    recipe = {"source": "mnist", "digest": mnist.DIGEST, "parts": {"test": 10_000}}
    with pytest.raises(ColdstartError, match="MD5"):
        mnist.read(recipe, settings)
    assert server.asked == [("/sets/MNIST/raw/t10k-images-idx3-ubyte.gz", None)]
    md5 = hashlib.md5(CONTENT).hexdigest()
    monkeypatch.setattr(tiny_imagenet, "ARCHIVE", File("tiny.zip", md5, "http://0.0.0.0/"))
    monkeypatch.setattr(tiny_imagenet, "DIGEST", f"md5:{md5}")
    server.files["/sets/tiny.zip"] = CONTENT
    recipe = {"source": "tiny-imagenet", "digest": f"md5:{md5}", "parts": {"val": 1}}
    with pytest.raises(ColdstartError, match="no archive"):
        tiny_imagenet.read(recipe, settings)
    assert (tmp_path / "tiny.zip").read_bytes() == CONTENT


def test_the_mirror_reaches_the_jobs(monkeypatch):
    for name in ("STORE", "DATA_DIR", "DOWNLOAD", "MIRROR", "DEVICE"):
        monkeypatch.setenv(f"COLDSTART_{name}", "")
    Settings(mirror="http://mirror/sets").export()
    assert Settings.from_environment().mirror == "http://mirror/sets"
