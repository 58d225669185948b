import os
import subprocess
import sys

import pytest

from coldstart import cli
from coldstart.store import Store


def test_list_shows_each_artefact_oldest_first(store, identity, capsys):
    days = {0: "2020-01-02T00:00:00+00:00", 1: "2019-01-01T00:00:00+00:00"}
    for seed, at in days.items():
        with store.publishing(identity(seed), {"at": at, "by": f"user{seed}"}) as folder:
            (folder / "a").write_bytes(b"x" * 1_500_000)
    assert cli.main(["store", "list", "--store", str(store.root)]) == 0
    _, *lines = (line.split() for line in capsys.readouterr().out.splitlines())
    assert [line[0] for line in lines] == [identity(1).key[:12], identity(0).key[:12]]
    assert [line[1:4] for line in lines] == [["embed", "1.5", "MB"]] * 2
    assert [line[5:7] for line in lines] == [["d", "user1"], ["d", "user0"]]


def test_list_skips_a_damaged_artefact_with_a_message(store, identity, publish, capsys):
    bad, good = publish(identity(0)).key, publish(identity(1)).key
    manifest = store.root / "objects" / bad[:2] / bad / "manifest.json"
    manifest.chmod(0o644)
    manifest.write_text("{")
    assert cli.main(["store", "list", "--store", str(store.root)]) == 0
    out, err = capsys.readouterr()
    assert [line[:12] for line in out.splitlines()[1:]] == [good[:12]]
    assert bad in err


@pytest.mark.parametrize("set_by", ["default", "file", "list", "environment", "option"])
def test_store_is_found_by_option_variable_and_setting(
    tmp_path, identity, monkeypatch, capsys, set_by
):
    monkeypatch.chdir(tmp_path)
    if set_by != "default":
        said = "[listed, /elsewhere]" if set_by == "list" else "filed"
        (tmp_path / "config.yaml").write_text(f"scale: smoke\nstore: {said}\n")
    variable = f"{tmp_path / 'shared'}{os.pathsep}/elsewhere"
    monkeypatch.setenv("COLDSTART_STORE", variable if set_by in ("environment", "option") else "")
    root = {
        "default": "results/store", "file": "filed", "list": "listed", "environment": "shared",
        "option": "own",
    }[set_by]  # fmt: skip
    with Store(tmp_path / root).publishing(identity()) as folder:
        (folder / "a").touch()
    arguments = ["--store", "own"] if set_by == "option" else []
    assert cli.main(["store", "list", *arguments]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith(identity().key[:12])


def test_command_shows_progress_as_a_program(store, identity, publish):
    publish(identity())
    code = "import sys; from coldstart.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "store", "verify", "--store", str(store.root)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "verify store  1/1" in done.stderr
    assert done.stdout == f"1 artefacts in {store.root}, 0 faults\n"


def test_an_unknown_command_is_a_usage_error(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["store", "destroy"])
    assert stop.value.code == 2
    assert "invalid choice" in capsys.readouterr().err


def test_verify_names_the_damaged_store_among_several(tmp_path, identity, monkeypatch, capsys):
    own, team = Store(tmp_path / "own"), Store(tmp_path / "team")
    for seed, store in enumerate((own, team)):
        with store.publishing(identity(seed)) as folder:
            (folder / "table.parquet").write_bytes(b"two")
    damaged = next(team.root.glob("objects/*/*/table.parquet"))
    damaged.chmod(0o644)
    damaged.write_bytes(b"owt")
    monkeypatch.setenv("COLDSTART_STORE", f"{own.root}{os.pathsep}{team.root}")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["store", "verify", "--heal"]) == 1
    said = capsys.readouterr().out
    assert f"{team.root}: " in said
    assert "1 faults in stores that are only read" in said
    assert damaged.exists()
