"""One job in this process, as a debugger wants it."""

from coldstart import cli
from coldstart.store import Store

IMAGES, LABELS = "results/data/digits/images.json", "results/data/digits/labels.json"
POOL = "results/data/pools/biased-digits.json"


def run(pointer):
    return cli.main(["run", pointer, "--scale", "smoke"])


def test_job_runs_in_this_process_once_its_inputs_are_there(clone, capsys):
    assert run(POOL) == 1
    said = capsys.readouterr().err
    assert f"{IMAGES} is an input that no store has" in said
    assert f"snakemake --cores all {IMAGES}" in said
    for pointer in (IMAGES, LABELS, POOL, POOL):  # the second time the store's copy stays
        assert run(pointer) == 0
        key = capsys.readouterr().out.split()[-1]
        assert Store(clone / "store").open(key)
    assert len(Store(clone / "store").keys()) == 3
    assert not list(clone.glob("results/.work/*"))


def test_pointer_that_no_study_reaches_is_named(clone, capsys):
    assert run("results/data/pools/biased-digit.json") == 1
    assert f"did you mean `{POOL}`" in capsys.readouterr().err
