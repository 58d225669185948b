import json
import re
import shutil

import pytest

from coldstart import cli
from coldstart.running.job import write_pointer
from coldstart.store import Identity


@pytest.fixture
def run(capsys):
    """Run a command and return its lines."""

    def run(*arguments, status=0):
        assert cli.main(list(arguments)) == status
        out, err = capsys.readouterr()
        return (err if status else out).splitlines()

    return run


@pytest.fixture
def pointer(family, tmp_path):
    path = tmp_path / "clone/results/evaluation/pool/seed0.json"
    path.parent.mkdir(parents=True)
    write_pointer(path, family.store.open(family.metrics.key))
    return path


def test_list_shows_each_artefact_and_its_users(family, pointer, run):
    header, *lines = run("store", "list")
    assert re.fullmatch("key +stage +size +age +by +used by +pointers +what", header)
    rows = {line.split()[0]: re.split("  +", line)[-4:] for line in lines}
    assert rows == {
        family.images.key[:12]: ["ada", "2", "0", "digits"],
        family.encoder.key[:12]: ["ada", "1", "0", "byol 7 epochs seed 3 digits"],
        family.metrics.key[:12]: ["ada", "0", "1", "ridge byol 7 epochs seed 3 digits"],
    }


def test_list_prints_json(family, pointer, run):
    listed = {one["key"]: one for one in json.loads("\n".join(run("store", "list", "--json")))}
    assert sorted(listed) == family.keys
    metrics = listed[family.metrics.key]
    assert metrics["pointers"] == ["results/evaluation/pool/seed0.json"]
    assert metrics["inputs"] == family.metrics.input_keys
    assert metrics["made"]["gpu"] == "a GPU"
    assert listed[family.images.key]["used_by"] == 2
    assert listed[family.images.key]["bytes"] == 31 * 64 + 2


@pytest.mark.parametrize("by", ["key", "prefix", "pointer"])
def test_show_prints_recipe_files_and_provenance(family, pointer, run, by):
    key = family.metrics.key
    shown = run("store", "show", {"key": key, "prefix": key[:8], "pointer": str(pointer)}[by])
    text = "\n".join(shown)
    assert shown[0] == f"key     {key}"
    assert '"learner": "ridge"' in text
    assert "table.bin  1.98 kB" in text
    assert re.search(r"gpu +a GPU", text)
    assert re.search(r"by +ada", text)
    images, encoder = (one.key[:12] for one in (family.images, family.encoder))
    tree = shown[shown.index("from") + 1 :]
    assert tree == [
        f"  evaluate {key[:12]}  ridge byol 7 epochs seed 3 digits",
        f"  ├── checkpoint: pretrain {encoder}  byol 7 epochs seed 3 digits",
        f"  │   └── images: images {images}  digits",
        f"  └── images: images {images}  digits",
    ]


def test_repeated_input_is_shown_once_with_its_inputs(family, run):
    both = family.make("compare", {}, one=family.metrics, other=family.encoder)
    tree = run("store", "show", both.key)[-1]
    assert tree.endswith(
        f"other: pretrain {family.encoder.key[:12]}  byol 7 epochs seed 3 digits  (above)"
    )


def test_missing_input_is_shown_as_missing(family, run):
    shutil.rmtree(family.folder(family.encoder))
    shown = run("store", "show", family.metrics.key)
    assert f"  ├── checkpoint: {family.encoder.key[:12]}  (missing)" in shown


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("f" * 12, "No key in"),
        ("", "No key in"),
        ("config.yaml", "is neither a pointer file"),
        ("gone.json", "is not in"),
    ],
)
def test_artefact_that_cannot_be_shown_is_reported(family, run, tmp_path, asked, said):
    (tmp_path / "clone/config.yaml").touch()
    gone = {"key": Identity("x", {}, {}, "c").key, "stage": "x", "files": {}}
    (tmp_path / "clone/gone.json").write_text(json.dumps(gone))
    (message,) = (line for line in run("store", "show", asked, status=1) if "coldstart:" in line)
    assert said in message


def test_ambiguous_prefix_is_refused(family, run):
    first = {}
    for number in range(20):  # more than there are first digits
        made = family.make("note", {"number": number})
        if made.key[0] in first:
            break
        first[made.key[0]] = made.key
    message = run("store", "show", made.key[0], status=1)[-1]
    assert "give more digits" in message
    assert made.key[:16] in message or first[made.key[0]][:16] in message
