"""The plan of encoders with clusters: the encoder they start from, and who reads clusters."""

from pathlib import Path

import pytest

from coldstart.common.errors import ColdstartError
from coldstart.config.load import load
from coldstart.config.recipes.encoders import Transferred
from coldstart.config.recipes.runs import Run
from coldstart.planning.plan import Plan
from coldstart.planning.resources import estimate, gains_from_gpu
from coldstart.store import Store

WORKFLOW = Path(__file__).parents[2] / "workflow"


@pytest.fixture
def plan(tmp_path):
    """A plan whose recipes a test can add to, as if they stood in the files."""
    loaded = load({"data_dir": str(tmp_path), "scale": "smoke"}, [], WORKFLOW)
    return Plan(loaded, Store(tmp_path / "store"))


def add(plan, **encoders):
    for name, recipe in encoders.items():
        plan.recipes._found["encoders"][name] = recipe
        plan.recipes.files["encoders", name] = "workflow/recipes/encoders.yaml"


def changed(plan, name, **fields):
    return plan.recipes.get("encoders", name).model_copy(update=fields)


def test_chained_encoder_starts_from_the_checkpoint_of_the_same_pool_and_seed(plan):
    labelled = plan.encoders.checkpoint("digits", "self-label-digits", 3)
    scan, simclr = (
        plan.encoders.checkpoint("digits", f"{name}-digits", 3) for name in ("scan", "simclr")
    )
    assert labelled.inputs["start"] is scan
    assert scan.inputs["start"] is simclr
    assert "start" not in simclr.inputs
    assert gains_from_gpu(scan)
    for device in ("cpu", "gpu"):
        needs = estimate(scan, plan.data.facts("digits"), device, 4)
        assert needs.minutes < 600


def test_key_depends_on_the_start(plan):
    before = plan.encoders.checkpoint("digits", "self-label-digits", 0).key
    add(plan, **{"simclr-digits": changed(plan, "simclr-digits", temperature=0.4)})
    plan.maker.planned.clear()
    assert plan.encoders.checkpoint("digits", "self-label-digits", 0).key != before


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("scan-digits", {"start": "simclr-digit"}, "no recipe `simclr-digit`.*did you mean `sim"),
        ("scan-digits", {"start": "elsewhere"}, "another pool's: name an encoder"),
        ("scan-digits", {"start": "pca-512"}, "one of method pca has no network to train on"),
        ("scan-digits", {"start": "scan-digits"}, "of method scan: name the encoder that was"),
        ("scan-digits", {"start": "self-label-digits"}, "of method self-label: name the encoder"),
        ("scan-digits", {"start": "vae-digits"}, "it has another backbone"),
        ("self-label-digits", {"start": "simclr-digits"}, "of method simclr: .* of method scan"),
        ("self-label-digits", {"start": "self-label-digits"}, "of method self-label: self-lab"),
        ("self-label-digits", {"clusters": 7}, "it has 10 clusters, and this recipe has 7"),
    ],
)
def test_invalid_chain_is_refused_by_the_plan(plan, name, fields, message):
    elsewhere = Transferred(method="transferred", pool="digits", encoder="simclr-digits")
    add(plan, elsewhere=elsewhere, **{name: changed(plan, name, **fields)})
    with pytest.raises(ColdstartError, match=rf"encoders.{name}.start: .*{message}"):
        plan.encoders.checkpoint("digits", name, 0)


@pytest.fixture
def study(plan):
    """Runs with and without clusters, all with a sampler that reads them."""
    add(plan, elsewhere=Transferred(method="transferred", pool="digits", encoder="scan-digits"))
    study = plan.recipes.get("studies", "quickstart")
    runs = {
        name: Run(pool="digits", encoder=encoder, samplers=["clusters-equal"], budgets=[10])
        for name, encoder in {
            "scan": "scan-digits",
            "elsewhere": "elsewhere",
            "simclr": "simclr-digits",
        }.items()
    }
    plan.recipes._found["studies"]["quickstart"] = study.model_copy(update={"runs": runs})
    return plan


@pytest.mark.parametrize("run", ["scan", "elsewhere"])
def test_sampler_reads_the_clusters_of_its_encoder(study, run):
    picks = study.cycles.selection("quickstart", run, 2, "clusters-equal")
    assert set(picks.inputs) == {"index", "clusters"}
    clusters = picks.inputs["clusters"]
    assert clusters.identity.recipe["output"] == "clusters"
    assert clusters.inputs["checkpoint"] is study.encoders.checkpoint("digits", "scan-digits", 2)
    for device in ("cpu", "gpu"):
        assert estimate(picks, study.data.facts("digits"), device, 4).minutes < 60


def test_an_encoder_without_clusters_is_an_error_that_names_both(study):
    both = (
        r"sampler `clusters-equal` reads clusters, and encoder `simclr-digits` .*simclr.* has none"
    )
    with pytest.raises(ColdstartError, match=both):
        study.cycles.selection("quickstart", "simclr", 0, "clusters-equal")
    with pytest.raises(ColdstartError, match=r"embedding `clusters` .* `byol-digits`"):
        study.encoders.embeddings("digits", "byol-digits", 0, "clusters")


def test_figure_of_clusters_reads_clusters_and_labels(plan):
    shown = plan.figures.shown("ssl-digits", "figures", "clusters")
    names = {f"clusters/{run}/{seed}" for run in ("scan", "self-label") for seed in range(3)}
    assert set(shown) == names | {"labels/scan", "labels/self-label"}
    assert shown["clusters/scan/1"].inputs["checkpoint"].pointer.endswith("scan-digits/seed1.json")
