import functools
import os
import pickle
import subprocess

import hypothesis
import pytest

import coldstart  # noqa: F401  # before torch: threads wait as in jobs

if "PYTEST_XDIST_WORKER" in os.environ:
    # Read when torch and BLAS are loaded, which is later: workers that share the cores must not
    # each start a thread for every one of them.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


# A first case that loads a library would be slower than the same case later, on a busy machine.
hypothesis.settings.register_profile("coldstart", deadline=None)
hypothesis.settings.load_profile("coldstart")


def pytest_collection_modifyitems(items):
    """Run the tests of Snakemake first, then files that train: so that all workers end together."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path.parent.name != "workflow", item.path not in slow))


@pytest.fixture(scope="session", autouse=True)
def yaml_parsed_once():
    """Parse each text of YAML once in a process: hundreds of tests load all recipes."""
    from coldstart.config.loading import yaml

    construct = yaml._construct  # pickle copies three times as fast as copy.deepcopy
    parse = functools.lru_cache(maxsize=256)(lambda text: pickle.dumps(construct(text)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yaml, "_construct", lambda text: pickle.loads(parse(text)))
        yield


@pytest.fixture
def read_only():
    """Make a folder read-only; for root, who may write despite modes, by a read-only mount."""
    undo = []

    def read_only(folder):
        if os.geteuid() == 0:
            for options in (["--bind", folder, folder], ["-o", "remount,bind,ro", folder]):
                done = subprocess.run(["mount", *options], capture_output=True, text=True)
                if done.returncode:
                    pytest.skip(f"no read-only mount here: {done.stderr.strip()}")
                if "--bind" in options:
                    undo.append(lambda: subprocess.run(["umount", folder], check=True))
        else:
            folders = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
            for path in folders:
                path.chmod(0o555)
            undo.append(lambda: [path.chmod(0o755) for path in folders])
        return folder

    yield read_only
    for action in reversed(undo):
        action()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MiB."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no tmpfs can be mounted: {done.stderr.strip()}")
    yield folder
    # Lazily: a library may leave a file open whose writing failed.
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def server(monkeypatch):
    """A server on this machine, from which downloads are tried again without a pause."""
    from coldstart.data import download
    from tests.helpers.serving import serving

    monkeypatch.setattr(download, "PAUSE", 0.0)
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with serving() as server:
        yield server
