"""Pointers name what is shown, also after a change of settings and back, and of the store."""

import json

from coldstart.store.pointers import indexed

FIGURE = "results/figures/quickstart/accuracy-vs-labels.svg"
OTHER = "{ sampler: kmeans, restarts: 3 }"


def key_in(path):
    return json.loads(path.read_text())["key"]


def test_pointers_follow_a_setting_that_is_changed_and_changed_back(built, copy_of):
    clone = copy_of(built)
    selections = sorted((clone.folder / "results/selection/quickstart").rglob("kmeans.json"))
    before = {path: key_in(path) for path in selections}
    clone.edit("workflow/recipes/samplers.yaml", "{ sampler: kmeans }", OTHER)
    clone.snakemake(FIGURE)
    assert all(key_in(path) != key for path, key in before.items())
    clone.edit("workflow/recipes/samplers.yaml", OTHER, "{ sampler: kmeans }")
    clone.snakemake(FIGURE)
    index = indexed(clone.folder / "results")
    for path, key in before.items():
        assert not path.exists()
        assert index[str(path.relative_to(clone.folder))] == key
    assert clone.planned(FIGURE) == {}


def test_store_without_the_artefacts_of_pointers_is_reported_before_any_job(
    built, copy_of, tmp_path
):
    clone = copy_of(built)
    team = tmp_path / "team"
    team.mkdir()
    done = clone.snakemake("-n", FIGURE, COLDSTART_STORE=str(team))
    assert f"store: [{team}, results/store]" in done.stdout
    clone.edit("workflow/coldstart/figures/style.py", '"""', '"""Edited. ')
    done = clone.snakemake(FIGURE, COLDSTART_STORE=str(team), check=False)
    assert done.returncode != 0
    assert "names an artefact that no store has. results/store has it" in done.stdout
    assert "rule figure" not in done.stdout
    clone.snakemake(FIGURE, COLDSTART_STORE=f"{team}:results/store")
    assert not (team / "objects").exists()
