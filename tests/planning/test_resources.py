"""Memory, time and GPUs that jobs ask a scheduler for."""

import copy
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from snakemake.resources import Resource
from snakemake.settings.types import ResourceSettings
from torch import nn

from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.backbones import BACKBONES
from coldstart.planning.plan import Plan
from coldstart.planning.requests import require_fit
from coldstart.planning.resources import (
    SNAKEMAKE,
    Needs,
    estimate,
    from_records,
    gains_from_gpu,
)
from coldstart.planning.snakemake import Rules, _training_gpus
from coldstart.running.slurm import Partition, largest_node, parse_partitions
from coldstart.store import Store
from coldstart.training.backbones import build_backbone
from tests.helpers.plans import everything, shipped

WORKFLOW = Path(__file__).parents[2] / "workflow"


def plan(tmp_path, scale):
    return Plan(shipped(scale), Store(tmp_path))


def checkpoint(tmp_path, scale):
    one = plan(tmp_path, scale)
    pool = "biased-cifar10"
    return one.encoders.checkpoint(pool, "byol-resnet18", 0), one.data.facts(pool)


def counted(backbone, shape):
    """Multiply-adds and outputs of all layers, seen while an image without values passes them."""
    height, width, channels = shape
    seen = []

    def hook(layer, inputs, output):
        seen.append((output.numel() * layer.weight[0].numel(), output.numel()))

    with torch.device("meta"):
        network = build_backbone(backbone, height, width, channels).eval()
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                layer.register_forward_hook(hook)
        network(torch.empty(1, channels, height, width))
    return tuple(map(sum, zip(*seen, strict=True)))


RECIPES = shipped("paper").recipes


def test_every_backbone_has_a_recipe_whose_cost_is_tested():
    shipped = {type(RECIPES.get("backbones", name)) for name in RECIPES.names("backbones")}
    assert shipped == set(BACKBONES.classes())


@pytest.mark.parametrize("shape", [(32, 32, 3), (28, 28, 1), (45, 70, 3), (224, 224, 3)])
@pytest.mark.parametrize("name", RECIPES.names("backbones"))
def test_estimate_of_a_backbone_is_near_the_count_of_its_network(name, shape):
    backbone = RECIPES.get("backbones", name)
    if min(shape[:2]) < backbone.smallest:
        return
    macs, outputs = counted(backbone, shape)
    assert 0.7 < backbone.macs(*shape) / macs < 2
    assert 0.7 < backbone.activations(*shape) / outputs < 2


@pytest.mark.parametrize("device", ["cpu", "gpu"])
def test_more_work_asks_for_more_resources(tmp_path, device):
    paper, smoke = (
        estimate(*checkpoint(tmp_path, scale), device, 4) for scale in ("paper", "smoke")
    )
    assert paper.minutes > smoke.minutes
    assert paper.megabytes > smoke.megabytes or device == "gpu"


def test_more_cores_ask_for_less_time(tmp_path):
    asked = checkpoint(tmp_path, "cpu")
    assert estimate(*asked, "cpu", 8).minutes < estimate(*asked, "cpu", 1).minutes


def test_smaller_views_ask_for_fewer_resources(tmp_path):
    small, facts = checkpoint(tmp_path, "cpu")
    whole = copy.deepcopy(small)
    crops = [view["transforms"][0] for view in whole.identity.recipe["encoder"]["views"]]
    assert [crop.pop("size") for crop in crops] == [0.75, 0.75]
    less, more = (estimate(planned, facts, "cpu", 1) for planned in (small, whole))
    assert less.minutes < 0.7 * more.minutes  # of memory the libraries take most


@pytest.mark.parametrize("device", ["cpu", "gpu"])
@pytest.mark.parametrize("study", ["quickstart", "byol-samplers", "pretrained-cifar10"])
def test_every_stage_has_an_estimate(tmp_path, device, study):
    one = plan(tmp_path, "paper")
    found = {}
    for name in one.recipes.get("studies", study).runs:
        facts = one.data.facts(one.cycles.run(study, name).pool)
        for planned in everything(one.cycles.evaluation(study, name, 0)).values():
            found[planned.identity.stage] = estimate(planned, facts, device, 4)
    assert {"images", "labels", "pool", "pretrain", "embed", "select", "evaluate"} <= found.keys()
    for needs in found.values():
        assert 1000 <= needs.megabytes <= 64000
        assert 5 <= needs.minutes <= 48 * 60


def test_only_networks_ask_for_a_gpu(tmp_path):
    one = plan(tmp_path, "paper")
    where = ("biased-cifar10", "byol-resnet18", 0)
    assert gains_from_gpu(one.encoders.checkpoint(*where))
    assert gains_from_gpu(one.encoders.embeddings(*where, "frozen"))
    assert gains_from_gpu(one.encoders.scores(*where, "loss"))
    assert not gains_from_gpu(one.encoders.embeddings("biased-cifar10", "pca-512", 0, "frozen"))
    assert not gains_from_gpu(one.cycles.evaluation("byol-samplers", "biased-cifar10", 0))
    assert not gains_from_gpu(one.data.index("digits"))


def test_requests_grow_in_proportion_to_the_attempt():
    assert Needs(1500, 10).grown(1) == Needs(1500, 10)
    assert Needs(1500, 10).grown(3) == Needs(4500, 30)


def record(**changes):
    return {"seconds": 600.0, "peak_mb": 2000, "gpu": None, "resumed": False} | changes


def test_records_of_an_earlier_run_decide_with_a_margin():
    needs = from_records([record(), record(seconds=60.0, peak_mb=3000)], "cpu")
    assert needs == Needs(4500, 25)


@pytest.mark.parametrize(
    "useless", [record(gpu="NVIDIA A100"), record(resumed=True), {"seconds": 3.0}, {}]
)
def test_record_of_other_circumstances_is_ignored(useless):
    assert from_records([useless], "cpu") is None
    assert from_records([record(), useless], "cpu") == from_records([record()], "cpu")


def test_records_in_the_store_of_a_team_are_used(tmp_path, monkeypatch):
    monkeypatch.chdir(WORKFLOW.parent)
    for name in ("STORE", "DATA_DIR", "DOWNLOAD", "MIRROR", "DEVICE", "COMMIT"):
        monkeypatch.setenv(f"COLDSTART_{name}", "")  # undone after the test, whatever is exported
        monkeypatch.delenv(f"COLDSTART_{name}")
    config = {"scale": "cpu", "device": "cpu", "store": str(tmp_path)}
    settings = SimpleNamespace(config=config, config_args=[])
    workflow = SimpleNamespace(
        basedir=WORKFLOW.parent,
        configfiles=[],
        config_settings=settings,
        resource_settings=SimpleNamespace(overwrite_resources={}),
    )
    wildcards = {"pool": "digits", "encoder": "byol-digits", "seed": "3"}

    def asked(attempt):
        rules = Rules(config, workflow)
        memory, minutes = (f(rules.plan.encoders.checkpoint) for f in (rules.mem_mb, rules.runtime))
        return memory(wildcards, attempt), minutes(wildcards, attempt)

    guess = asked(1)
    assert asked(2) == (2 * guess[0], 2 * guess[1])
    rules = Rules(config, workflow)
    sibling = rules.plan.encoders.checkpoint("digits", "byol-digits", 0).identity
    with Store(tmp_path).publishing(sibling, record(seconds=6000.0, peak_mb=9000)) as folder:
        (folder / "model.safetensors").write_bytes(b"weights")
    assert asked(1) == (12500, 205)


def test_more_gpus_ask_for_more_memory_and_less_time(tmp_path):
    asked = checkpoint(tmp_path, "paper")
    one, four = (estimate(*asked, "gpu", 4, gpus) for gpus in (1, 4))
    assert four.minutes < one.minutes
    assert four.megabytes >= one.megabytes + 3 * 3000


def test_record_of_another_number_of_gpus_is_ignored():
    of_four = record(gpu="NVIDIA A100", gpus=4)
    assert from_records([of_four], "gpu") is None
    assert from_records([of_four], "gpu", 4) == Needs(3500, 25)
    assert from_records([record(gpu="NVIDIA A100")], "gpu", 4) is None
    assert from_records([record(gpus=0)], "cpu") == from_records([record()], "cpu")


@pytest.mark.parametrize(
    ("given", "profile", "expected"),
    [
        ({}, None, 1),
        ({}, "2", 2),
        ({"pretrain": {"gpu": 4}}, "2", 4),
        ({"embed": {"gpu": 4}}, None, 1),
    ],
)
def test_gpus_of_a_training_are_those_set_for_its_rule(monkeypatch, given, profile, expected):
    monkeypatch.delenv("COLDSTART_GPUS", raising=False)
    if profile:
        monkeypatch.setenv("COLDSTART_GPUS", profile)
    settings = ResourceSettings(
        overwrite_resources={
            rule: {name: Resource(name, value) for name, value in resources.items()}
            for rule, resources in given.items()
        }
    )
    assert _training_gpus(SimpleNamespace(resource_settings=settings)) == expected


def test_partitions_have_the_memory_of_their_largest_node():
    said = "main*|1-00:00:00|4000\nmain*|1-00:00:00|16000\ngpu|infinite|256000+\n"
    found, default = parse_partitions(said)
    assert default == "main"
    assert found == {"main": Partition(1440, 16000), "gpu": Partition(0, 256000)}


def test_retries_ask_for_no_more_than_a_node_has():
    needs = Needs(3000, 20)
    assert [needs.grown(attempt).megabytes for attempt in (1, 2, 3)] == [3000, 6000, 9000]
    assert [needs.grown(attempt, 4000).megabytes for attempt in (1, 2, 3)] == [3000, 4000, 4000]


@pytest.mark.parametrize("gpu", [False, True])
def test_first_request_that_no_node_can_meet_is_named_with_its_number(gpu):
    require_fit("a", Needs(4000, 10), 4000, gpu)
    require_fit("a", Needs(4000, 10), 0, gpu)
    with pytest.raises(ColdstartError) as error:
        require_fit("results/ssl/a.json", Needs(4500, 10), 4000, gpu)
    said = str(error.value)
    assert "results/ssl/a.json needs about 4500 MB, and the largest node has 4000 MB" in said
    assert ("GPU_PARTITION" in said) == gpu


def test_largest_node_is_that_of_the_jobs_partition(monkeypatch):
    monkeypatch.setenv("COLDSTART_NODES", "4000,16000")
    assert (largest_node(gpu=False), largest_node(gpu=True)) == (4000, 16000)
    monkeypatch.delenv("COLDSTART_NODES")
    assert largest_node(gpu=True) == 0


def test_first_requests_of_the_quickstart_fit_a_node_of_four_gigabytes(tmp_path):
    """Two of them, too: images and labels are read by one group of jobs."""
    one = plan(tmp_path, "cpu")
    facts = one.data.facts_of("digits")
    for what in ("images", "labels"):
        assert estimate(one.data.ingested(what, "digits"), facts, "cpu", 4).megabytes <= 2000
    asked = {}
    for name in ("byol", "pca"):
        asked |= everything(one.cycles.evaluation("quickstart", name, 0))
    for planned in asked.values():
        if planned.identity.stage not in {"images", "labels"}:
            assert estimate(planned, one.data.facts("biased-digits"), "cpu", 4).megabytes <= 2500


# Peaks of the quickstart at `cpu` scale, as its manifests have them (megabytes, 2 cores, no GPU).
PEAKS = {"images": 222, "pool": 222, "pretrain": 467, "select": 241, "embed": 371, "score": 383,
         "evaluate": 383}  # fmt: skip


@pytest.mark.parametrize("stage", PEAKS)
def test_request_is_above_the_measured_peak_and_not_ten_times_it(tmp_path, stage):
    one = plan(tmp_path, "cpu")
    planned = everything(one.cycles.evaluation("quickstart", "byol", 0))
    found = {made.identity.stage: made for made in planned.values()}
    facts = one.data.facts_of("digits") if stage == "images" else one.data.facts("biased-digits")
    asked = estimate(found[stage], facts, "cpu", 4).megabytes
    assert PEAKS[stage] + SNAKEMAKE <= asked < 10 * PEAKS[stage]
