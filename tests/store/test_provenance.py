import subprocess

import pytest

from coldstart.store.provenance import COMMIT, export_commit


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with one commit, and a way to run git in it."""
    monkeypatch.setenv(COMMIT, "")
    monkeypatch.delenv(COMMIT)  # so that it is put back after the test

    def git(*arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        done = subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True,
                              capture_output=True, text=True)  # fmt: skip
        return done.stdout.strip()

    git("init")
    (tmp_path / "clone").mkdir()
    (tmp_path / "clone/a.py").touch()
    git("add", ".")
    git("commit", "-m", "First")
    git("tag", "v1")
    return tmp_path, git


def recorded(store, identity):
    with store.publishing(identity()) as folder:
        (folder / "a").touch()
    return store.manifest(identity().key)["made"]["commit"]


@pytest.mark.parametrize("dirty", [False, True])
def test_the_commit_of_the_clone_is_recorded(repository, store, identity, dirty):
    root, git = repository
    (root / "untracked").touch()
    if dirty:
        (root / "clone/a.py").write_text("edited")
    export_commit(root)
    assert recorded(store, identity) == git("rev-parse", "HEAD") + ("-dirty" if dirty else "")


def test_a_run_looks_once_and_its_jobs_do_not_need_git(repository, store, identity, monkeypatch):
    root, git = repository
    head = git("rev-parse", "HEAD")
    export_commit(root)
    monkeypatch.setenv("PATH", "")
    export_commit(root)
    assert recorded(store, identity) == head


@pytest.mark.parametrize("why", ["inside another repository", "no git", "no commit"])
def test_missing_commit_is_recorded_as_none(repository, store, identity, monkeypatch, why):
    root, git = repository
    if why == "no git":
        monkeypatch.setenv("PATH", "")
    elif why == "no commit":
        git("update-ref", "-d", "HEAD")
    export_commit(root / "clone" if why == "inside another repository" else root)
    assert recorded(store, identity) is None
