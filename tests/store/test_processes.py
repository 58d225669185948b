"""Publishers in processes of their own: racing, killed, and of different users."""

import os
import signal
import stat
import tempfile
import traceback
from pathlib import Path

import pytest

from coldstart.common.errors import ColdstartError
from coldstart.store import LayeredStore, Store, heal, provenance

RACE = """
import os, sys
store = Store(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for seed in range(10):
    with store.publishing(identity(seed)) as folder:
        for part in range(3):
            (folder / f"part-{part}").write_text(f"{os.getpid()} " * 1000)
    artefact = store.open(identity(seed).key)
    print(artefact.key, {artefact.path(f"part-{part}").read_text().split()[0] for part in range(3)})
"""


def test_eight_publishers_of_one_key_get_the_same_bytes(store, identity, start):
    processes = [start(RACE, store.root) for _ in range(8)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    outputs = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * 8
    assert len(set(outputs)) == 1
    assert store.keys() == sorted(identity(seed).key for seed in range(10))
    for key in store.keys():  # noqa: SIM118
        names = sorted(path.name for path in store.open(key).folder.rglob("*"))
        assert names == ["manifest.json", "part-0", "part-1", "part-2"]
    assert list((store.root / "tmp").iterdir()) == []
    assert store.verify() == []


KILLED = """
import os, pathlib, signal, sys
import coldstart.store.manifest as manifest
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
root, where = sys.argv[1:]
if where == "sealing":
    manifest.compose = die
elif where == "renaming":
    pathlib.Path.rename = die
with Store(root).publishing(identity()) as folder:
    (folder / "weights.bin").write_text("half")
    if where == "writing":
        print("writing", flush=True)
        sys.stdin.readline()
"""


@pytest.mark.parametrize("where", ["writing", "sealing", "renaming"])
def test_a_killed_publisher_leaves_nothing_that_a_reader_sees(
    store, identity, publish, start, where
):
    process = start(KILLED, store.root, where)
    if where == "writing":
        assert process.stdout.readline() == "writing\n"
        os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    (left,) = (store.root / "tmp").iterdir()

    assert not store.has(identity().key)
    assert store.keys() == store.others(identity().recipe_key) == store.verify() == []
    publish(identity())
    assert store.open(identity().key).path("weights.bin").stat().st_size == 1000

    assert store.sweep(older_than=3600) == 0
    for path in left.iterdir():
        os.utime(path, (0, 0))
    os.utime(left, (0, 0))
    assert store.sweep(older_than=3600) == 1
    assert not left.exists()
    assert store.keys() == [identity().key]


def test_draft_that_is_still_written_to_is_not_swept(store, identity):
    with store.publishing(identity()) as folder:
        (folder / "a").touch()
        os.utime(folder, (0, 0))
        assert store.sweep(older_than=3600) == 0
        assert folder.exists()


def end(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.fixture
def shared():
    """A store that belongs to the group 60000, and a way to act on it as somebody else."""
    if os.geteuid() != 0:
        pytest.skip("only root can act as several users")
    provenance()  # imports what other users may not be able to read
    with tempfile.TemporaryDirectory() as parent:  # pytest's own folders are closed to other users
        Path(parent).chmod(0o777)
        root = Path(parent, "store")
        root.mkdir()
        try:
            os.chown(root, 0, 60000)
        except OSError as error:  # a user namespace that knows no other users
            pytest.skip(f"only root of the machine can act as several users: {error}")
        root.chmod(0o2775)

        def begin(user, group, do, umask=0o027):
            """A member of ``group`` runs ``do()`` in a fork; gives its process id."""
            child = os.fork()
            if child == 0:
                status = 3
                try:
                    os.setgroups([group])
                    os.setgid(user)
                    os.setuid(user)
                    os.umask(umask)
                    do()
                    status = 0
                except BaseException as error:
                    traceback.print_exc()  # shown where the test fails
                    if isinstance(error, ColdstartError):
                        status = 1
                    elif isinstance(error, PermissionError):
                        status = 2
                finally:
                    os._exit(status)
            return child

        def act(user, group, do):
            """Exit status of such a process: 1 for ColdstartError, 2 for PermissionError."""
            return end(begin(user, group, do))

        act.begin = begin
        yield Store(root), act


def test_members_of_a_group_share_a_store_and_strangers_do_not(shared, identity):
    store, act = shared
    first = identity(0)
    shard = first.key[:2]
    neighbour = next(i for i in map(identity, range(1, 10000)) if i.key[:2] == shard)

    def publish(which):
        with (
            tempfile.TemporaryDirectory(dir=store.root.parent) as draft,
            store.publishing(which) as folder,
        ):
            Path(draft, "a").write_text("abc")
            Path(draft, "a").rename(folder / "a")

    def write():
        store.open(first.key).path("a").open("a")

    assert act(60001, 60000, lambda: publish(first)) == 0
    assert act(60002, 60000, lambda: publish(neighbour)) == 0
    assert act(60002, 60000, lambda: store.open(first.key)) == 0
    assert act(60003, 60003, lambda: store.open(first.key)) == 1
    assert act(60003, 60003, lambda: publish(identity(-1))) == 1
    assert act(60003, 60003, lambda: store.discard(first.key)) == 1
    assert act(60002, 60000, write) == 2
    assert act(60001, 60000, write) == 2
    assert store.keys() == sorted([first.key, neighbour.key])
    assert store.verify() == []
    assert act(60002, 60000, lambda: store.discard(first.key)) == 0
    assert os.listdir(store.root / "objects" / shard) == [neighbour.key]


def test_eight_writers_of_two_users_publish_one_object_for_each_key(shared, identity):
    store, act = shared
    ready, go = os.pipe(), os.pipe()
    keys = sorted(identity(seed).key for seed in range(5))

    def race():
        os.write(ready[1], b".")
        os.close(ready[1])
        os.read(go[0], 1)
        for seed in range(5):
            with store.publishing(identity(seed)) as folder:
                for part in range(3):
                    (folder / f"part-{part}").write_text(f"{os.getpid()} " * 1000)
            artefact = store.open(identity(seed).key)
            parts = {artefact.path(f"part-{part}").read_text() for part in range(3)}
            assert len(parts) == 1

    umasks = [0o002, 0o022, 0o027, 0o077]
    children = [act.begin(60001 + i % 2, 60000, race, umasks[i // 2]) for i in range(8)]
    os.close(ready[1])  # else a child that died before it wrote would be waited for without end
    for _ in children:
        os.read(ready[0], 1)
    os.write(go[1], b"." * len(children))
    assert [end(child) for child in children] == [0] * 8
    assert store.keys() == keys
    assert store.verify() == []
    assert list((store.root / "tmp").iterdir()) == []
    owners = set()
    for path in store.root.rglob("*"):
        found = path.stat()
        owners.add(found.st_uid)
        assert found.st_gid == 60000, path
        assert not found.st_mode & stat.S_IWOTH, path
        if path.is_dir():
            assert stat.S_IMODE(found.st_mode) & 0o2770 == 0o2770, path
        elif path.is_relative_to(store.root / "objects"):
            assert stat.S_IMODE(found.st_mode) & 0o777 in (0o444, 0o440), path
    assert owners <= {60001, 60002}
    for user in (60001, 60002):
        assert act(user, 60000, lambda: [store.open(key) for key in keys]) == 0


def test_folder_made_by_another_member_belongs_to_the_group(shared, identity, monkeypatch):
    store, act = shared
    first = identity(0)
    neighbour = next(i for i in map(identity, range(1, 10000)) if i.key[:2] == first.key[:2])
    making, made = os.pipe(), os.pipe()
    mkdir = Path.mkdir

    def pause(path, *args, **settings):
        """Stop once a folder of ``objects`` has been made, before anything more is done to it."""
        mkdir(path, *args, **settings)
        if path.parent.name == "objects":
            os.write(making[1], b".")
            os.read(made[0], 1)

    def publish(which):
        with store.publishing(which) as folder:
            (folder / "a").touch()

    def slowly():
        monkeypatch.setattr(Path, "mkdir", pause)
        publish(first)

    slow = act.begin(60001, 60000, slowly, 0o077)
    os.close(making[1])  # else a child that died before it wrote would be waited for without end
    os.read(making[0], 1)
    quick = act(60002, 60000, lambda: publish(neighbour))
    os.write(made[1], b".")
    assert [quick, end(slow)] == [0, 0]
    assert store.keys() == sorted([first.key, neighbour.key])
    assert os.listdir(store.root / "objects") == [first.key[:2]]


def test_a_store_of_another_group_names_itself_and_the_remedy(shared, identity):
    store, act = shared
    (store.root).chmod(0o2770)
    with store.publishing(identity(0)) as folder:
        (folder / "a").touch()
    uses = [
        lambda: store.has(identity(0).key),
        lambda: store.open(identity(0).key),
        lambda: store.others(identity(0).recipe_key),
        store.keys,
        store.verify,
        store.require_writable,
        lambda: LayeredStore(store.root.parent / "own", store.root),
    ]
    for use in uses:

        def explain(use=use):
            with pytest.raises(ColdstartError) as error:
                use()
            message = str(error.value)
            assert f"the store {store.root}" in message
            assert "Permission denied. Ask its owner for the right to" in message
            assert "COLDSTART_STORE" in message

        assert act(60003, 60003, explain) == 0


READER = """
import sys
store = Store(sys.argv[1])
print("ready", flush=True)
waiting = [identity(seed).key for seed in range(100)]
while waiting:
    there = store.keys()
    for key in [key for key in waiting if store.has(key)]:
        artefact = store.open(key)
        assert len(artefact.path("a").read_bytes()) == len(artefact.path("b").read_bytes()) == 10000
        waiting.remove(key)
    for key in there:
        store.manifest(key)
"""


def test_a_reader_during_a_publish_sees_all_of_it_or_nothing(store, identity, start):
    which = identity(-1)
    with store.publishing(which) as folder:
        (folder / "a").write_bytes(b"half")
        assert not store.has(which.key)
        assert store.keys() == store.others(which.recipe_key) == store.verify() == []
        with pytest.raises(ColdstartError, match="is not in the store"):
            store.open(which.key)
    assert store.open(which.key)

    readers = [start(READER, store.root) for _ in range(2)]
    for reader in readers:
        assert reader.stdout.readline() == "ready\n"
    for seed in range(100):
        with store.publishing(identity(seed)) as folder:
            (folder / "a").write_bytes(b"x" * 10000)
            (folder / "b").write_bytes(b"y" * 10000)
    errors = [reader.communicate(timeout=60)[1] for reader in readers]
    assert errors == ["", ""]
    assert [reader.returncode for reader in readers] == [0, 0]


@pytest.mark.parametrize("name", ["a", "manifest.json"])
def test_file_without_permission_does_not_count_as_damaged(shared, identity, name):
    """Healing it would discard the work of a teammate."""
    store, act = shared
    which = identity()
    with store.publishing(which) as folder:
        (folder / "a").write_text("abc")
    (store.root / "objects" / which.key[:2] / which.key / name).chmod(0)

    def verify():
        (fault,) = store.verify()
        if not fault.damaged and "Permission denied" in fault.what:
            raise PermissionError

    assert act(60002, 60000, verify) == 2
    assert act(60002, 60000, lambda: heal(store, store.verify())) == 0
    assert store.has(which.key)
    (store.root / "objects" / which.key[:2]).chmod(0)
    assert act(60002, 60000, lambda: store.has(which.key)) == 1
