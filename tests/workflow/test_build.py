"""The quickstart study, built for real at smoke scale, and what each edit builds again."""

import json
import os

import pandas as pd
import pytest
import yaml

FIGURES = "results/figures/quickstart"
SHEET = "results/figures/pools/biased-digits.csv"


def study(clone):
    return yaml.safe_load((clone.folder / "workflow/studies/quickstart.yaml").read_text())


def targets_reading(clone, **wanted):
    """Rule -> number of figures or tables of a run."""
    counts = {}
    for rule, folder in (("figure", "figures"), ("table", "tables")):
        shown = study(clone)[folder].values()
        counts[rule] = sum(wanted["run"] in target.get("runs", [wanted["run"]]) for target in shown)
    return counts


def test_every_figure_and_table_is_there_with_its_numbers(built):
    for name in study(built)["figures"]:
        for suffix in ("svg", "pdf", "png", "csv"):
            path = built.folder / FIGURES / f"{name}.{suffix}"
            assert path.stat().st_size > 100, path
        assert len(pd.read_csv(built.folder / FIGURES / f"{name}.csv")) > 0
    assert pd.read_csv(built.folder / SHEET)["images"].sum() > 1000
    for name, table in study(built)["tables"].items():
        path = built.folder / f"results/tables/quickstart/{name}"
        assert len(pd.read_csv(path.with_suffix(".csv"))) > 0
        shown = 'id="told"' if table["kind"] == "explorer" else "</table>"
        assert shown in path.with_suffix(".html").read_text()


def test_a_second_run_does_nothing(built):
    assert built.planned() == {}


def test_metrics_cover_every_sampler_budget_and_seed(built):
    metrics = pd.read_csv(built.folder / "results/tables/quickstart/metrics.csv")
    runs = study(built)["runs"]
    assert set(metrics["sampler"][metrics["run"] == "byol"]) == set(runs["byol"]["samplers"])
    top = metrics[(metrics["metric"] == "top-1") & (metrics["run"] == "byol")]
    seeds = top.groupby("sampler")["trial"].nunique()
    assert seeds["random"] == 2
    assert seeds["loss-mean"] == 1
    assert top["value"].between(0, 1).all()
    picked = metrics[metrics["metric"] == "picked"]
    totals = picked.groupby(["run", "sampler", "trial", "budget"])["value"].sum().reset_index()
    assert (totals["value"] == totals["budget"]).all()


def test_another_clone_on_the_same_store_plans_only_figures(built, fresh):
    config = ("scale=smoke", f"store={built.folder / 'results/store'}")
    whole = study(fresh)
    sheets = len({run["pool"] for run in whole["runs"].values()})
    expected = {"figure": len(whole["figures"]) + sheets, "table": len(whole["tables"])}
    assert fresh.planned(config=config) == expected
    target = f"{FIGURES}/average-rank.svg"
    fresh.snakemake(target, config=config)
    assert (fresh.folder / target).exists()
    assert fresh.planned(target, config=config) == {}
    ours, theirs = ((c.folder / FIGURES / "average-rank.csv").read_text() for c in (built, fresh))
    assert ours == theirs


def test_one_figure_builds_only_what_it_shows(fresh):
    planned = fresh.planned(f"{FIGURES}/first-picks.svg")
    assert planned["figure"] == 1
    assert "evaluate" not in planned
    assert planned["select"] == len(study(fresh)["runs"]["byol"]["samplers"])


KMEANS = "selection/samplers/kmeans.py"


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ([(KMEANS, "weights /= weights.sum()", "weights /= weights.sum() * 2")],
         {"select": 1, "evaluate": 1}),
        ([(KMEANS, "weights = 1.0", "# A word.\n        weights = 1.0"),
          ("evaluation/metrics/top_k.py", '"""', '"""Another docstring. ')], {}),
        ([("figures/picked_classes.py", '"""', '"""A new word. '),
          ("figures/page.py", "margin: 2rem", "margin: 1rem")], {"figure": 1, "table": 4}),
    ],
    ids=["sampler", "comments", "figures"],
)  # fmt: skip
def test_an_edit_reruns_exactly_what_depends_on_it(built, copy_of, edits, expected):
    clone = copy_of(built)
    for module, old, new in edits:
        clone.edit(f"workflow/coldstart/{module}", old, new)
    if "select" in expected:
        expected = expected | targets_reading(clone, run="byol")
    assert clone.planned() == expected


def test_an_edited_loss_trains_again_and_leaves_the_baseline_alone(built, copy_of):
    clone = copy_of(built)
    path = clone.folder / "workflow/coldstart/ssl/methods/byol.py"
    path.write_text(path.read_text() + "\n\nEDITED = True\n")
    planned = clone.planned()
    assert planned["pretrain"] == 1
    assert planned["embed"] == 1
    assert planned["score"] == 2
    assert planned["evaluate"] == 1
    assert "ingest" not in planned
    assert "pool" not in planned


def test_a_recipe_changed_in_one_number_gets_artefacts_of_its_own(built, copy_of):
    clone = copy_of(built)
    before = {path.name for path in (clone.folder / "results/store/objects").glob("*/*")}
    clone.edit("workflow/recipes/learners.yaml", "c: 0.1", "c: 0.2")
    assert clone.planned()["evaluate"] == 1
    pointer = "results/evaluation/quickstart/byol/seed0.json"
    clone.snakemake(pointer)
    after = {path.name for path in (clone.folder / "results/store/objects").glob("*/*")}
    assert before < after
    assert json.loads((clone.folder / pointer).read_text())["key"] in after - before


def test_artefacts_of_other_code_are_accepted_only_if_asked(built, copy_of):
    clone = copy_of(built)
    clone.edit("workflow/coldstart/selection/samplers/kmeans.py", "weights /= weights.sum()",
               "weights = weights / weights.sum()")  # fmt: skip
    assert clone.planned()["select"] == 1
    config = ("scale=smoke", "accept_other_code=true")
    done = clone.snakemake("-n", config=config)
    assert "Nothing to be done" in done.stdout
    assert "kmeans" in done.stdout
    assert "other code" in done.stdout


def test_a_damaged_artefact_stops_the_job_and_names_the_remedy(built, copy_of):
    clone = copy_of(built)
    victim = next((clone.folder / "results/store/objects").glob("*/*/metrics.parquet"))
    os.chmod(victim.parent, 0o755)
    os.chmod(victim, 0o644)
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(content)
    done = clone.snakemake("--force", "results/tables/quickstart/metrics.csv", check=False)
    assert done.returncode != 0
    assert "metrics.parquet" in done.stdout
    assert "coldstart store verify --heal" in done.stdout
    assert "Traceback" not in done.stdout


def test_the_report_is_made(built):
    built.snakemake("--report", "report.html")
    report = (built.folder / "report.html").read_text()
    assert "accuracy-vs-labels" in report
    assert "quickstart" in report
