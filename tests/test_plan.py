from pathlib import Path

import pytest

from coldstart.config.load import load
from coldstart.plan import Plan
from coldstart.store import Store

ROOT = Path(__file__).parents[1]


@pytest.fixture
def plan(tmp_path):
    loaded = load({"scale": "paper"}, [ROOT / "config.yaml"], ROOT / "workflow")
    return Plan(loaded, Store(tmp_path / "store"))


def walk(planned):
    yield planned
    for made_from in planned.inputs.values():
        yield from walk(made_from)


def test_labels_reach_pools_and_the_evaluation_and_nothing_else(plan):
    studies = ("quickstart", "byol-samplers")
    artefacts = [
        artefact
        for study in studies
        for name, run in plan.recipes.get("studies", study).runs.items()
        for seed in run.encoder_seeds
        for artefact in walk(plan.evaluation(study, name, seed))
    ]
    readers = {
        artefact.identity.stage
        for artefact in artefacts
        for made_from in artefact.inputs.values()
        if made_from.identity.stage == "labels"
    }
    assert readers == {"pool", "evaluate"}


def test_images_and_labels_are_two_artefacts(plan):
    assert plan.images("digits").key != plan.labels("digits").key
    assert plan.ingested(what="images", dataset="digits") is plan.images("digits")


def test_seeds_give_artefacts_of_their_own(plan):
    keys = {plan.checkpoint("digits", "byol-digits", seed).key for seed in range(3)}
    assert len(keys) == 3


def test_another_scale_gives_other_keys(plan, tmp_path):
    smoke = Plan(
        load({"scale": "smoke"}, [ROOT / "config.yaml"], ROOT / "workflow"), Store(tmp_path)
    )
    asked = ("biased-cifar10", "byol-resnet18", 0)
    assert smoke.checkpoint(*asked).key != plan.checkpoint(*asked).key
    assert smoke.index("biased-cifar10").key == plan.index("biased-cifar10").key


def test_torch_is_not_imported_to_plan():
    import subprocess
    import sys

    code = (
        "import sys; from pathlib import Path; import coldstart.rules;"
        f"from coldstart.config.load import load; load({{}}, [], Path({str(ROOT / 'workflow')!r}));"
        "heavy = {'torch', 'torchvision', 'sklearn', 'pandas', 'matplotlib'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                          env={"PYTHONPATH": str(ROOT / "workflow")})  # fmt: skip
    assert done.returncode == 0, done.stderr
