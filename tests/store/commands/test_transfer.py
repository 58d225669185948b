import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import fsspec
import pytest

from coldstart import cli
from coldstart.common.errors import ColdstartError
from coldstart.store import Store, objects
from coldstart.store.ends import end_at
from coldstart.store.transfer import copy

WORKFLOW = Path(__file__).parents[3] / "workflow"


@pytest.fixture(scope="session")
def s3_server():
    """A local S3 server, and the variables that lead boto to it and to nothing else."""
    pytest.importorskip("s3fs")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    server.stop()


@pytest.fixture
def s3(s3_server, monkeypatch):
    for name, value in s3_server.items():
        monkeypatch.setenv(name, value)
    files = fsspec.filesystem("s3", skip_instance_cache=True)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    files.mkdir("s3://team-bucket")
    yield "s3://team-bucket/shared/store"
    files.rm("s3://team-bucket", recursive=True)


@pytest.fixture
def memory():
    yield "memory://shared/store"
    fsspec.filesystem("memory").store.clear()


@pytest.fixture
def sftp(tmp_path):
    """A local SSH server whose SFTP shows one folder."""
    asyncssh = pytest.importorskip("asyncssh")
    pytest.importorskip("paramiko")

    class Open(asyncssh.SSHServer):
        def begin_auth(self, username):
            return False

    async def listen():
        return await asyncssh.listen(
            "127.0.0.1", 0, server_factory=Open,
            server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
            sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(tmp_path)),
        )  # fmt: skip

    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    server = asyncio.run_coroutine_threadsafe(listen(), loop).result()
    yield f"sftp://user:password@127.0.0.1:{server.get_port()}/shared/store"
    fsspec.get_filesystem_class("sftp").clear_instance_cache()
    loop.call_soon_threadsafe(server.close)
    loop.call_soon_threadsafe(loop.stop)


@pytest.fixture(params=["folder", "memory", "s3", "sftp"])
def address(request, tmp_path):
    """Each kind of end that can be had here."""
    if request.param == "folder":
        return str(tmp_path / "shared/store")
    return request.getfixturevalue(request.param)


def source(family):
    objects._verified.clear()
    return end_at(str(family.store.root))


def rewrite(path, content):
    path.chmod(0o644)
    path.write_bytes(content)


def raw(address):
    """The files at an address by their paths, read without the code that put them there."""
    if "://" not in address:
        return {
            str(path.relative_to(address)): path.read_bytes()
            for path in Path(address, "objects").rglob("*")
            if path.is_file()
        }
    files, root = fsspec.core.url_to_fs(address)
    files.invalidate_cache()
    return {path.split("/store/")[1]: files.cat_file(path) for path in files.find(root)}


def test_copies_there_and_back_are_identical(family, address, tmp_path):
    done = copy(source(family), end_at(address), family.keys)
    assert sorted(done.copied) == family.keys
    assert raw(address) == raw(str(family.store.root))
    back = tmp_path / "back"
    copy(end_at(address), end_at(str(back)), family.keys)
    assert raw(str(back)) == raw(address)
    assert Store(back).verify() == []
    assert Store(back).others(family.encoder.recipe_key) == [family.encoder.key]


def test_existing_artefact_is_not_copied_again(family, address):
    copy(source(family), end_at(address), [family.encoder.key])
    done = copy(source(family), end_at(address), family.keys)
    assert done.copied == [family.metrics.key]
    assert done.there == 2
    assert copy(source(family), end_at(address), family.keys).copied == []


def test_inputs_travel_with_an_artefact_and_come_first(family, address):
    done = copy(source(family), end_at(address), [family.metrics.key])
    assert done.copied == [family.images.key, family.encoder.key, family.metrics.key]


def test_input_missing_at_the_source_is_reported(family, address, caplog):
    shutil.rmtree(family.folder(family.images))
    done = copy(source(family), end_at(address), [family.encoder.key])
    assert done.copied == [family.encoder.key]
    assert f"{family.images.key} is an input" in caplog.text


def test_a_flipped_bit_at_the_source_is_not_copied(family, address):
    path = family.folder(family.encoder) / "table.bin"
    rewrite(path, path.read_bytes()[:-1] + b"\0")
    with pytest.raises(ColdstartError, match=r"table\.bin"):
        copy(source(family), end_at(address), [family.metrics.key])
    assert end_at(address).keys() == [family.images.key]


def test_flipped_bit_at_an_address_is_refused(family, memory, tmp_path):
    copy(source(family), end_at(memory), family.keys)
    files = fsspec.filesystem("memory")
    (path,) = files.glob(f"/shared/store/objects/*/{family.encoder.key}/table.bin")
    files.pipe_file(path, files.cat_file(path)[:-1] + b"\0")
    with pytest.raises(ColdstartError, match=f"table.bin of the artefact {family.encoder.key}"):
        copy(end_at(memory), end_at(str(tmp_path / "back")), family.keys)
    assert not Store(tmp_path / "back").has(family.encoder.key)


def test_forged_manifest_at_an_address_is_refused(family, memory, tmp_path):
    copy(source(family), end_at(memory), family.keys)
    files = fsspec.filesystem("memory")
    (path,) = files.glob(f"/shared/store/objects/*/{family.encoder.key}/manifest.json")
    manifest = json.loads(files.cat_file(path))
    manifest["recipe"]["seed"] = 4
    files.pipe_file(path, json.dumps(manifest).encode())
    with pytest.raises(ColdstartError, match=f"and not {family.encoder.key}: it was edited"):
        copy(end_at(memory), end_at(str(tmp_path / "back")), [family.encoder.key])
    assert not (tmp_path / "back").exists()


def test_a_damaged_copy_at_the_destination_is_replaced(family, address):
    copy(source(family), end_at(address), family.keys)
    path = f"objects/{family.encoder.key[:2]}/{family.encoder.key}/table.bin"
    if "://" in address:
        files, root = fsspec.core.url_to_fs(address)
        files.pipe_file(f"{root}/{path}", b"half")
    else:
        rewrite(Path(address, path), b"half")
    objects._verified.clear()
    assert copy(source(family), end_at(address), family.keys).copied == [family.encoder.key]
    assert raw(address) == raw(str(family.store.root))


def test_copy_that_reads_back_differently_is_not_published(family, memory):
    end = end_at(memory)
    whole = end.files.open

    def lossy(path, mode="rb", **options):
        if mode == "rb" and path.endswith("table.bin"):
            end.files.pipe_file(path, end.files.cat_file(path)[:-1] + b"\0")
        return whole(path, mode, **options)

    end.files = type("Lossy", (), {
        "open": staticmethod(lossy), "__getattr__": lambda self, name: getattr(files, name),
    })()  # fmt: skip
    files = fsspec.filesystem("memory")
    with pytest.raises(ColdstartError, match="read back, does not have the SHA-256"):
        copy(source(family), end, [family.images.key])
    assert end_at(memory).keys() == []


COMMAND = "import sys; from coldstart.cli import main; sys.exit(main(sys.argv[1:]))"


@pytest.mark.parametrize("address", ["folder", "s3", "sftp"], indirect=True)
def test_killed_copy_leaves_no_partial_artefact_and_is_resumed(family, address, tmp_path):
    victim = family.folder(family.encoder) / "table.bin"
    content = victim.read_bytes()
    # The source's disk gets stuck in the middle of a file that was verified: a pipe.
    code = (
        "import os, pathlib, coldstart.store.ends as ends\n"
        f"pipe, victim = {str(tmp_path / 'pipe')!r}, {str(victim)!r}\n"
        "pieces = ends.pieces\n"
        "ends.pieces = lambda file: pieces(open(pipe, 'rb', buffering=0)"
        " if getattr(file, 'name', '') == victim else file)\n"
    )
    os.mkfifo(tmp_path / "pipe")
    process = subprocess.Popen(
        [sys.executable, "-c", code + COMMAND, "store", "copy", str(family.store.root), address],
        env={**os.environ, "PYTHONPATH": str(WORKFLOW)}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        with (tmp_path / "pipe").open("wb", buffering=0) as pipe:
            pipe.write(content[:1000])
            while _unread(pipe):
                pass
            process.send_signal(signal.SIGKILL)
            process.communicate()
    finally:
        process.kill()
    assert end_at(address).keys() == [family.images.key]
    done = copy(source(family), end_at(address), family.keys)
    assert done.there == 1
    assert raw(address) == raw(str(family.store.root))


def _unread(pipe):
    import array
    import fcntl
    import termios

    count = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]


def test_full_destination_is_reported(family, small_disk):
    big = family.make("pretrain", {"seed": 1}, size=2_000_000)
    with pytest.raises(ColdstartError, match="No space left on device"):
        copy(source(family), end_at(str(small_disk / "store")), [family.images.key, big.key])
    assert Store(small_disk / "store").keys() == [family.images.key]
    assert list((small_disk / "store/tmp").iterdir()) == []


def test_read_only_destination_is_reported(family, read_only, tmp_path):
    (tmp_path / "shared").mkdir()
    with pytest.raises(ColdstartError, match=r"Cannot write to the store .*shared"):
        copy(source(family), end_at(str(read_only(tmp_path / "shared"))), family.keys)


def test_missing_bucket_is_reported(family, s3):
    with pytest.raises(ColdstartError, match=r"^s3://no-such-bucket/x: "):
        copy(source(family), end_at("s3://no-such-bucket/x"), family.keys)


def test_a_missing_package_is_named():
    code = "import sys; sys.modules['s3fs'] = None\n" + COMMAND.removeprefix("import sys; ")
    done = subprocess.run(
        [sys.executable, "-c", code, "store", "copy", "s3://bucket/prefix", "there"],
        env={**os.environ, "PYTHONPATH": str(WORKFLOW)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert "pip install 'coldstart[s3]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_unknown_kind_of_address_is_refused():
    with pytest.raises(ColdstartError, match=r"^nowhere://x"):
        end_at("nowhere://x")


def test_the_command_copies_by_key(family, tmp_path, capsys):
    there = str(tmp_path / "there")
    command = ["store", "copy", "results/store", there, "--key", family.encoder.key[:10]]
    assert cli.main(command) == 0
    assert "copied 2 artefacts, 3.97 kB; 0 were there already" in capsys.readouterr().out
    assert Store(there).keys() == sorted([family.images.key, family.encoder.key])
    assert cli.main([*command[:-1], "f" * 20]) == 1
    assert "No key in results/store" in capsys.readouterr().err
