import pytest
import yaml

from coldstart.config.load import load
from coldstart.config.recipes.figures.tied_picks import TiedPicks
from coldstart.figures import tied_picks
from coldstart.planning.plan import Plan
from coldstart.store import Store
from tests.helpers.clones import ROOT

TABLE = TiedPicks(kind="tied-picks", title="Ties")


def test_picks_with_the_last_one_s_score_are_counted_among_the_query_s_own(studio):
    studio.run("main", ["votes", "bald"])
    third, half = 1 / 3, 1 / 2
    picked = {
        ("votes", 0): [0.0, third, third, 2 / 3, third, third, third, third],
        ("votes", 1): [half, half, half, half, 0.2, 0.2, 0.1, 0.1],
        ("bald", 0): [0.5, 0.5, 0.9, 0.7, 0.7, 0.5, 0.4, 0.3],
    }
    for (sampler, trial), scores in picked.items():
        for budget in (2, 6, 8):
            studio.cycle("main", 0, sampler, trial, budget, range(budget), scores[:budget])
    found = tied_picks.tabulate(studio.shown(), TABLE)
    rows = found.set_index(["sampler", "trial", "budget"])[["picks", "tied", "share"]]
    assert {place: tuple(row) for place, row in rows.iterrows()} == {
        ("votes", 0, 6): (4, 3, 0.75), ("votes", 0, 8): (2, 2, 1.0),
        ("votes", 1, 6): (4, 2, 0.5), ("votes", 1, 8): (2, 2, 1.0),
        ("bald", 0, 6): (4, 0, 0.0), ("bald", 0, 8): (2, 0, 0.0),
    }  # fmt: skip


@pytest.mark.parametrize("trials", [1, 2])
def test_the_table_reads_each_query_of_a_run(tmp_path, trials):
    run = {
        "pool": "digits", "learner": "classifier-digits", "samplers": ["random"], "trials": trials,
        "queried": ["ensemble-variation-ratio", "max-entropy"], "budgets": [10, 20, 30],
    }  # fmt: skip
    ties = {"kind": "tied-picks", "title": "Ties"}
    study = {"title": "One", "runs": {"digits": run}, "tables": {"ties": ties}}
    root = tmp_path / "workflow"
    (root / "studies").mkdir(parents=True)
    (root / "studies/one.yaml").write_text(yaml.safe_dump(study))
    (root / "recipes").symlink_to(ROOT / "workflow/recipes")
    plan = Plan(load({"studies": ["one"]}, [], root), Store(tmp_path / "store"))
    shown = plan.figures.shown("one", "tables", "ties")
    assert [one.identity.stage for one in shown.values()].count("query") == 2 * trials * 2
    described = plan.figures.target_params("one", "tables", "ties")["runs"]
    assert described["digits"]["samplers"] == run["queried"]
