import json
import os
import shutil
from pathlib import Path

import pytest
import yaml
from PIL import Image

from coldstart.common.errors import ColdstartError
from coldstart.config.load import load
from coldstart.config.recipes.targets import FIGURES, TABLES
from coldstart.planning.plan import Plan
from coldstart.running.places import PLACES, SAID, export_said
from coldstart.store import Store
from tests.helpers.plans import everything, shipped

ROOT = Path(__file__).parents[2]


@pytest.fixture
def plan(tmp_path):
    return Plan(shipped("paper"), Store(tmp_path / "store"))


def test_labels_reach_pools_and_the_evaluation_and_nothing_else(plan):
    studies = ("quickstart", "byol-samplers")
    artefacts = [
        artefact
        for study in studies
        for name, run in plan.recipes.get("studies", study).runs.items()
        for seed in run.encoder_seeds
        for artefact in everything(plan.cycles.evaluation(study, name, seed)).values()
    ]
    readers = {
        artefact.identity.stage
        for artefact in artefacts
        for made_from in artefact.inputs.values()
        if made_from.identity.stage == "labels"
    }
    assert readers == {"pool", "evaluate"}


def test_images_and_labels_are_two_artefacts(plan):
    assert plan.data.images("digits").key != plan.data.labels("digits").key
    assert plan.data.ingested(what="images", dataset="digits") is plan.data.images("digits")


def test_each_encoder_seed_has_its_own_artefacts(plan):
    keys = {plan.encoders.checkpoint("digits", "byol-digits", seed).key for seed in range(3)}
    assert len(keys) == 3


def test_another_scale_gives_other_keys(plan, tmp_path):
    smoke = Plan(shipped("smoke"), Store(tmp_path))
    asked = ("biased-cifar10", "byol-resnet18", 0)
    assert smoke.encoders.checkpoint(*asked).key != plan.encoders.checkpoint(*asked).key
    assert smoke.data.index("biased-cifar10").key == plan.data.index("biased-cifar10").key


@pytest.mark.parametrize("scale", ["paper", "cpu", "smoke"])
@pytest.mark.parametrize("study", ["byol-samplers", "zero-shot"])
def test_every_target_of_a_study_can_be_planned(study, scale, tmp_path):
    plan = Plan(shipped(scale), Store(tmp_path))
    kinds = {"figures": FIGURES.adapter(), "tables": TABLES.adapter()}
    for folder, kind in kinds.items():
        targets = getattr(plan.recipes.get("studies", study), folder)
        assert targets
        for name, target in targets.items():
            told = plan.figures.target_params(study=study, folder=folder, name=name)
            assert told["keys"], name
            assert set(told["runs"]) == {key.split("/")[1] for key in told["keys"]}
            assert kind.validate_python(json.loads(json.dumps(told["target"]))) == target
            inputs = plan.figures.target_inputs(study=study, folder=folder, name=name)
            assert all((ROOT / table).is_file() for table in told["published"])
            assert set(told["published"]) < set(inputs)
            if "metrics" in target.reads:
                assert all("/evaluation/" in path for path in set(inputs) - set(told["published"]))


def test_torch_is_not_imported_to_plan():
    import subprocess
    import sys

    code = (
        "import sys; from pathlib import Path; import coldstart.planning.snakemake;"
        "from coldstart.config.load import load;"
        f"load({{}}, [], Path({str(ROOT / 'workflow')!r}));"
        "heavy = {'torch', 'torchvision', 'sklearn', 'pandas', 'matplotlib'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                          env={"PYTHONPATH": str(ROOT / "workflow")})  # fmt: skip
    assert done.returncode == 0, done.stderr


def with_folder(tmp_path, monkeypatch, pool="", study="", count=6, labels="a b a b c c"):
    """The plan of a project with a set of a user's own: a CSV of labels, a pool, a study."""
    root = tmp_path / "workflow"
    shutil.copytree(ROOT / "workflow/recipes", root / "recipes")
    (root / "studies").mkdir()
    for index in range(count):
        Image.new("L", (8, 8), index).save(tmp_path / f"{index}.png")
    rows = [f"{index}.png,{label}\n" for index, label in enumerate(labels.split())]
    (tmp_path / "labels.csv").write_text("path,label\n" + "".join(rows))
    mine = {"source": "folder", "path": str(tmp_path), "size": [8, 8], "labels": "labels.csv"}
    for file, added in (
        ("datasets", {"mine": mine}),
        ("pools", {"mine": yaml.safe_load(pool)}),
    ):
        with (root / f"recipes/{file}.yaml").open("a") as recipes:
            recipes.write("\n" + yaml.safe_dump(added))
    (root / "studies/mine.yaml").write_text(study)
    monkeypatch.setenv(PLACES, "{}")
    monkeypatch.chdir(tmp_path)
    loaded = load({"scale": "smoke", "studies": ["mine"]}, [], root)
    return Plan(loaded, Store(tmp_path / "store"))


WHOLE = "{part: all, per: part}"
NO_TEST = f"{{operator: split, dataset: mine, splits: {{unlabeled: {WHOLE}, candidates: {WHOLE}}}}}"
HALVES = """
operator: split
dataset: mine
splits:
  unlabeled: {part: all, per: part, last: 0.5}
  candidates: {part: all, per: part, last: 0.5}
  test: {part: all, per: part, first: 0.5}
"""
STUDY = """
title: Mine
runs: {main: {pool: mine, encoder: pca-512, samplers: [k-centre], budgets: [2, BUDGET]}}
figures: {map: {kind: embedding-map, title: Map, budget: 2}}
"""


def test_pool_without_a_test_split_can_be_embedded_sampled_and_shown(tmp_path, monkeypatch):
    plan = with_folder(tmp_path, monkeypatch, NO_TEST, STUDY.replace("BUDGET", "3"))
    shown = plan.figures.shown("mine", "figures", "map")
    assert {"selections/main/0/k-centre", "embeddings/main/0", "labels/main"} <= shown.keys()
    assert "images/mine" in plan.figures.shown("pools", "figures", "mine")
    assert not plan.data.judged("mine")
    with pytest.raises(ColdstartError, match=r"study `mine`, run `main`: metrics need test images"):
        plan.cycles.evaluation("mine", "main", 0)


def test_test_split_of_one_class_cannot_be_evaluated(tmp_path, monkeypatch):
    plan = with_folder(
        tmp_path, monkeypatch, HALVES, STUDY.replace("BUDGET", "3"), labels="a a a a a a"
    )
    with pytest.raises(ColdstartError, match="two classes"):
        plan.cycles.evaluation("mine", "main", 0)


def test_a_budget_above_a_folder_s_images_is_refused_before_any_job(tmp_path, monkeypatch):
    plan = with_folder(tmp_path, monkeypatch, NO_TEST, STUDY.replace("BUDGET", "7"))
    with pytest.raises(ColdstartError, match=r"mine\.runs\.main\.budgets: 7 labels.* 6 candidates"):
        plan.cycles.selection("mine", "main", 0, "k-centre")


def test_labels_of_other_images_are_refused(tmp_path, monkeypatch):
    study = STUDY.replace("BUDGET", "3").replace("samplers:", "labelled: digits, samplers:")
    plan = with_folder(tmp_path, monkeypatch, NO_TEST, study)
    with pytest.raises(ColdstartError, match="`digits` has other images than pool `mine`"):
        plan.cycles.selection("mine", "main", 0, "k-centre")


def test_metrics_without_a_test_split_are_refused_with_run_and_pool(tmp_path, monkeypatch):
    study = STUDY.replace("BUDGET", "3") + "tables: {all: {kind: metrics, title: All}}\n"
    with pytest.raises(ColdstartError, match=r"mine\.yaml: runs\.main\.pool: `mine` has no split"):
        with_folder(tmp_path, monkeypatch, NO_TEST, study)


@pytest.mark.parametrize(
    ("target", "hint"),
    [
        (("quickstart", "figures", "acuracy-vs-labels"), "did you mean `accuracy-vs-labels`"),
        (("quickstart", "tables", "metric"), "did you mean `metrics`"),
        (("quickstrat", "figures", "x"), "did you mean `quickstart`"),
        (("pools", "figures", "biased-digit"), "did you mean `biased-digits`"),
        (("quickstart", "figures", "zzz"), "there is accuracy-vs-labels"),
    ],
)
def test_misspelt_target_is_reported_with_the_nearest_name(plan, target, hint):
    with pytest.raises(ColdstartError, match=hint):
        plan.figures.target(*target)


def test_misspelt_run_is_reported_with_the_nearest_name(plan):
    with pytest.raises(ColdstartError, match="did you mean `byol`"):
        plan.cycles.selection("quickstart", "byoll", 0, "random")


@pytest.mark.parametrize(
    ("folder", "name", "again"),
    [
        ("figures", "training-curves", False),
        ("figures", "ssl-quality", False),
        ("tables", "ssl-quality", False),
        ("figures", "clusters", False),
        ("figures", "curve", True),
        ("figures", "sheet", True),
    ],
)
def test_adding_a_sampler_redraws_only_figures_that_show_samplers(tmp_path, folder, name, again):
    workflow = tmp_path / "workflow"
    shutil.copytree(ROOT / "workflow", workflow, ignore=shutil.ignore_patterns("__pycache__"))
    file = workflow / "studies/ssl-digits.yaml"
    study = yaml.safe_load(file.read_text())
    study["figures"]["curve"] = {"kind": "budget-curve", "title": "Curve", "runs": ["byol"]}
    study["figures"]["sheet"] = {
        "kind": "contact-sheet", "title": "Sheet", "runs": ["byol"], "count": 3,
    }  # fmt: skip
    settled = {"samplers": ["random"], "budgets": [10, 20]}
    planned = []
    for samplers in (["random"], ["random", "kmeans"]):
        study["runs"]["byol"] |= settled | {"samplers": samplers}
        file.write_text(yaml.safe_dump(study))
        loaded = load({"studies": ["ssl-digits"], "scale": "smoke"}, [], workflow)
        plan = Plan(loaded, Store(tmp_path / "store"))
        planned.append(plan.figures.target_params("ssl-digits", folder, name))
    assert (planned[0] != planned[1]) == again


def test_planning_leaves_the_environment_alone_and_says_a_remark_once(
    tmp_path, monkeypatch, caplog
):
    """The maker of plans keeps what jobs are to know, and the rules export it."""
    monkeypatch.setenv(SAID, "")
    plan = with_folder(tmp_path, monkeypatch, HALVES, STUDY.replace("BUDGET", "3"))
    before = dict(os.environ)
    plan.data.images("mine")
    assert dict(os.environ) == before
    assert [tmp_path] in plan.maker.places.values()
    (remark,) = (record.args[0] for record in caplog.records)
    assert "left out: " in remark
    export_said(plan.maker.said)
    caplog.clear()
    loaded = load({"studies": ["mine"]}, [], tmp_path / "workflow")
    Plan(loaded, plan.store).maker.say_once(remark)
    assert caplog.text == ""
