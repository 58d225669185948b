"""Own and team stores with Snakemake run for real: what is planned, read, published and said."""

import json
import shutil
from pathlib import Path

import pytest

FIGURE = "results/figures/quickstart/average-rank"
LABELS = "results/data/digits/labels.json"


@pytest.fixture
def team(built, tmp_path):
    """A copy of the store of a clone in which everything was built, which a test may change."""
    return Path(shutil.copytree(built.folder / "results/store", tmp_path / "team"))


def objects(store):
    return {path.name for path in store.glob("objects/*/*")}


def listing(store):
    return {path: path.lstat().st_mtime_ns for path in store.rglob("*")}


def test_teammate_plans_only_artefacts_that_the_team_lacks(built, fresh, team, read_only):
    stores = {"COLDSTART_STORE": f"~/own:{read_only(team)}", "HOME": str(fresh.folder)}
    before = listing(team)
    fresh.env = stores
    assert fresh.planned().keys() == {"figure", "table"}
    fresh.snakemake(f"{FIGURE}.svg")
    ours, theirs = ((c.folder / f"{FIGURE}.csv").read_text() for c in (built, fresh))
    assert ours == theirs
    assert fresh.planned(f"{FIGURE}.svg") == {}
    assert not (fresh.folder / "own").exists()

    # One number of a recipe changed: its artefact is new, made of the team's, and her own.
    fresh.edit("workflow/recipes/learners.yaml", "c: 0.1", "c: 0.2")
    pointer = "results/evaluation/quickstart/byol/seed0.json"
    assert fresh.planned(pointer) == {"evaluate": 1}
    fresh.snakemake(pointer)
    key = json.loads((fresh.folder / pointer).read_text())["key"]
    assert objects(fresh.folder / "own") == {key}
    assert listing(team) == before
    made = json.loads(next((fresh.folder / "own").glob("objects/*/*/manifest.json")).read_text())
    assert made["made"]["commit"] is None  # a copy without .git


@pytest.mark.parametrize(
    ("line", "variable", "given", "expected"),
    [
        ("from-file", "from-variable", None, "from-variable"),
        ("[from-file, team]", None, None, "from-file"),
        ("from-file", "from-variable", "[given, team]", "given"),
    ],
)
def test_first_store_that_is_given_is_written_to(fresh, line, variable, given, expected):
    (fresh.folder / "team").mkdir()
    fresh.edit("config.yaml", "store: results/store", f"store: {line}")
    env = {} if variable is None else {"COLDSTART_STORE": variable}
    config = ["scale=smoke"] + ([] if given is None else [f"store={given}"])
    fresh.snakemake(LABELS, config=config, **env)
    written = {path.parent.relative_to(fresh.folder) for path in fresh.folder.glob("**/objects")}
    assert written == {Path(expected)}


def test_artefacts_of_other_code_are_made_again_unless_accepted(fresh, team):
    fresh.edit("workflow/coldstart/selection/samplers/kmeans.py", "weights /= weights.sum()",
               "weights = weights / weights.sum()")  # fmt: skip
    for manifest in team.glob("objects/*/*/manifest.json"):
        content = json.loads(manifest.read_text())
        content["made"] |= {"by": "alice", "commit": "0123abc-dirty"}
        manifest.chmod(0o644)
        manifest.write_text(json.dumps(content))
    fresh.env = {"COLDSTART_STORE": f"results/store:{team}"}
    assert fresh.planned().keys() == {"figure", "table", "select", "evaluate"}
    config = ("scale=smoke", "accept_other_code=true")
    assert fresh.planned(config=config).keys() == {"figure", "table"}
    output = fresh.snakemake("-n", config=config).stdout
    kmeans = next(
        content
        for content in map(json.loads, map(Path.read_text, team.glob("objects/*/*/manifest.json")))
        if content["stage"] == "select" and content["recipe"]["sampler"]["sampler"] == "kmeans"
    )
    (line,) = (one for one in output.splitlines() if "kmeans" in one and "other code" in one)
    for part in (kmeans["key"][:12], "alice", kmeans["code"][:12], "0123abc-dirty"):
        assert part in line


def test_damaged_artefact_of_the_team_is_reported_with_its_store(fresh, team):
    victim = next(team.glob("objects/*/*/metrics.parquet"))
    victim.chmod(0o644)
    victim.write_bytes(victim.read_bytes()[:-8])
    fresh.env = {"COLDSTART_STORE": f"results/store:{team}"}
    done = fresh.snakemake("results/tables/quickstart/metrics.csv", check=False)
    assert done.returncode != 0
    assert f"in the store {team}: metrics.parquet is truncated" in done.stdout
    assert "Ask its owner" in done.stdout
    assert "Traceback" not in done.stdout


def test_unmounted_store_stops_the_run(fresh, tmp_path):
    fresh.env = {"COLDSTART_STORE": f"results/store:{tmp_path / 'share'}"}
    done = fresh.snakemake("-n", check=False)
    assert done.returncode != 0
    assert f"There is no store at {tmp_path / 'share'}" in done.stdout
    assert "Traceback" not in done.stdout
