"""Plans of small studies, and of shipped ones."""

import functools
import shutil

import yaml

from coldstart.config.load import load
from coldstart.planning.cycles import Cycle
from coldstart.planning.plan import Plan
from coldstart.store import Store
from tests.helpers.clones import ROOT

WORKFLOW = ROOT / "workflow"
WHERE = ("zero-shot", "baselines", 0)
LEARNER = "wrn-28-10-cutout"


@functools.cache
def shipped(scale):
    """The settings, recipes and studies of the project, loaded once at each scale."""
    return load({"scale": scale}, [ROOT / "config.yaml"], WORKFLOW)


def everything(artefact):
    found = {artefact.key: artefact}
    for made_from in artefact.inputs.values():
        if made_from.key not in found:
            found |= everything(made_from)
    return found


def at(sampler, trial, budget, where=WHERE):
    return Cycle(*where, sampler, trial, budget)


def model(plan, sampler, trial, budget, where=WHERE, learner=LEARNER, member=0):
    return plan.cycles.model(at(sampler, trial, budget, where), learner, member)


def stages(planned):
    return [one.identity.stage for one in planned]


def plan_of(tmp_path, run, figures=None, learners=None):
    """A plan with one study, ``one``, of one run, ``digits``, and learners beside the shipped."""
    root = tmp_path / "workflow"
    (root / "studies").mkdir(parents=True)
    basis = {"pool": "digits", "encoder": "byol-digits", "learner": "classifier-digits"}
    study = {"title": "One run", "runs": {"digits": basis | {"trials": 2} | run}}
    study |= {"figures": figures or {}}
    (root / "studies/one.yaml").write_text(yaml.safe_dump(study))
    shutil.copytree(WORKFLOW / "recipes", root / "recipes")
    with (root / "recipes/learners.yaml").open("a") as file:
        file.write("\n" + yaml.safe_dump(learners) if learners else "")
    return Plan(load({"studies": ["one"]}, [], root), Store(tmp_path / "store"))


ONE = ("one", "digits", 0)
