import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldstart.common.errors import ColdstartError
from coldstart.config.loading.names import name_problem
from tests.helpers.trees import ROOT

WILDCARD = re.search(r'pool=r"(.*)"', (ROOT / "workflow/rules/common.smk").read_text())[1]
"""A pattern of what the rules let stand in a path."""

ENCODERS, POOLS, STUDY = "recipes/encoders.yaml", "recipes/pools.yaml", "studies/quickstart.yaml"

MISTAKES = {
    "unknown key": (
        (ENCODERS, "byol-resnet18", "epoch", 3),
        [
            "workflow/recipes/encoders.yaml",
            "encoders.byol-resnet18.epoch:",
            "did you mean `epochs`",
        ],
    ),
    "key of another kind": (
        (STUDY, "figures", "accuracy-vs-labels", "count", 3),
        ["figures.accuracy-vs-labels.count: unknown key; there is axis, budgets"],
    ),
    "misspelt key of a figure": (
        (STUDY, "figures", "picked-classes", "budgt", 3),
        ["figures.picked-classes.budgt: unknown key; did you mean `budget`"],
    ),
    "underscore in a name": (
        ("recipes/samplers.yaml", "my_Sampler", {"sampler": "random"}),
        [
            "workflow/recipes/samplers.yaml: samplers.my_Sampler: ",
            "`my_Sampler` is no name: it has `_`, capitals",
            "Rename it to `my-sampler`",
        ],
    ),
    "slash and blank in a name": (
        ("recipes/encoders.yaml", "byol/mine 2", {}),
        ["encoders.byol/mine 2: ", "it has `/`, a blank", "Rename it to `byol-mine-2`"],
    ),
    "twin of another name": (
        ("recipes/samplers.yaml", "Random", {"sampler": "random"}),
        ["samplers.Random: ", "it has capitals", "Rename it to `random-2`"],
    ),
    "two hyphens in a name": (
        ("recipes/pools.yaml", "digits--mine-", {}),
        ["pools.digits--mine-: ", "one at a time", "Rename it to `digits-mine`"],
    ),
    "name that is too long": (
        ("recipes/pools.yaml", "x" * 101, {}),
        ["more than 100 characters", f"Rename it to `{'x' * 100}`"],
    ),
    "name that YAML reads as no text": (
        ("recipes/pools.yaml", True, {}),
        ["pools.True: ", "it has capitals", "Rename it to `my-true`"],
    ),
    "name without a letter": (("recipes/pools.yaml", "__", {}), ["`__` is no name: it has `_`"]),
    "pool that has the pointer of images": (
        ("recipes/pools.yaml", "images", {}),
        [
            "pools.images: `images` is no name: `results/data/pools/images.json` would",
            "`my-images`",
        ],
    ),
    "name of a run": (
        (STUDY, "runs", "My.run", {"pool": "digits", "encoder": "byol-digits"}),
        ["quickstart.yaml: runs.My.run: `My.run` is no name: it has capitals, `.`", "to `my-run`"],
    ),
    "name of a figure": (
        (STUDY, "figures", "accuracy_vs_labels", {"kind": "budget-curve", "title": "Curve"}),
        ["figures.accuracy_vs_labels: ", "it has `_`", "to `accuracy-vs-labels-2`"],
    ),
    "range of a thousand million": (
        (STUDY, "runs", "byol", "budgets", [{"from": 1, "to": 1_000_000_000, "step": 1}]),
        ["runs.byol.budgets", "1000000000 numbers", "at most 10000", "larger step"],
    ),
    "range of nothing": (
        (STUDY, "runs", "byol", "budgets", [{"from": 9, "to": 1, "step": 1}]),
        ["runs.byol.budgets", "from 9 to 1 holds no number"],
    ),
    "scale that is a list": (
        (ENCODERS, "byol-resnet18", "scales", {"cpu": []}),
        ["encoders.byol-resnet18.scales.cpu: is [], not a mapping"],
    ),
    "as many epochs as there are stars": (
        (ENCODERS, "byol-resnet18", "epochs", 10**12),
        ["encoders.byol-resnet18.epochs", "less than or equal to 100000"],
    ),
    "mapping for a word": (
        ("recipes/samplers.yaml", "loss-mean", "statistic", {}),
        ["samplers.loss-mean.statistic", "`{}` is not known", "mean, var"],
    ),
    "wrong type": (
        (ENCODERS, "byol-resnet18", "epochs", "many"),
        ["encoders.byol-resnet18.epochs", "valid integer", "'many'"],
    ),
    "true for a number": (
        (ENCODERS, "byol-resnet18", "epochs", True),
        ["encoders.byol-resnet18.epochs", "True"],
    ),
    "negative epochs": (
        (ENCODERS, "byol-resnet18", "epochs", -1),
        ["encoders.byol-resnet18.epochs", "greater than or equal to 1", "-1"],
    ),
    "nested value": (
        (ENCODERS, "byol-resnet18", "optimizer", "lr", 0),
        ["encoders.byol-resnet18.optimizer.lr", "greater than 0"],
    ),
    "unknown method": (
        (ENCODERS, "byol-resnet18", "method", "byoll"),
        ["encoders.byol-resnet18", "`byoll` is not known", "did you mean `byol`"],
    ),
    "misspelt part": (
        (ENCODERS, "byol-resnet18", "backbone", "resnet81"),
        ["encoders.byol-resnet18.backbone", "no recipe `resnet81`", "did you mean `resnet18`"],
    ),
    "misspelt recipe": (
        (STUDY, "runs", "byol", "encoder", "byol-digit"),
        ["workflow/studies/quickstart.yaml", "runs.byol.encoder", "did you mean `byol-digits`"],
    ),
    "misspelt sampler": (
        (STUDY, "runs", "byol", "samplers", ["random", "k-means"]),
        ["runs.byol.samplers", "no `k-means`", "did you mean `kmeans`"],
    ),
    "budget above the pool": (
        (STUDY, "runs", "byol", "budgets", [10, 40, 300]),
        ["runs.byol.budgets", "300 labels", "295 candidates", "biased-digits"],
    ),
    "range upside down": (
        (
            "recipes/augmentations.yaml",
            "cifar",
            "transforms",
            [{"op": "crop", "scale": [1.0, 0.2]}],
        ),
        ["augmentations.cifar.transforms.0.scale", "[1.0, 0.2]"],
    ),
    "even kernel": (
        (
            "recipes/augmentations.yaml",
            "cifar",
            "transforms",
            [{"op": "blur", "probability": 0.5, "kernel": 4}],
        ),
        ["augmentations.cifar.transforms.0.kernel", "odd"],
    ),
    "stages without blocks": (
        ("recipes/backbones.yaml", "resnet-small", "blocks", [1, 1]),
        ["backbones.resnet-small", "4 widths and 2 blocks"],
    ),
    "range that is none": (
        (STUDY, "runs", "byol", "budgets", [{"from": 5, "until": 9}]),
        ["runs.byol.budgets", "{from: ..., to: ..., step: ...}"],
    ),
    "figure of a run that is not there": (
        (STUDY, "figures", "first-picks", "runs", ["biol"]),
        ["figures.first-picks.runs", "did you mean `byol`"],
    ),
    "figure of a budget that is not made": (
        (STUDY, "figures", "picked-classes", "budget", 41),
        ["figures.picked-classes", "41 labels"],
    ),
    "figure of more picks than are made": (
        (STUDY, "figures", "first-picks", "count", 500),
        ["figures.first-picks.count", "500"],
    ),
    "figure of a class that is not there": (
        (STUDY, "figures", "rarest-class", "label", 10),
        ["figures.rarest-class.label", "classes 0 to 9"],
    ),
    "sampler whose scores the encoder lacks": (
        (STUDY, "runs", "pca", "samplers", ["loss-mean"]),
        ["runs.pca.samplers", "`loss-mean`", "method `pca`"],
    ),
    "encoder of a pool that is not there": (
        (ENCODERS, "other", {"method": "transferred", "pool": "digit", "encoder": "byol-digits"}),
        ["encoders.other.pool", "no `digit`", "`digits`"],
    ),
    "encoder that stands for none": (
        (ENCODERS, "other", {"method": "transferred", "pool": "digits", "encoder": "byol-digit"}),
        ["encoders.other.encoder", "no `byol-digit`", "`byol-digits`"],
    ),
    "encoder that stands for one that stands for one": (
        (ENCODERS, "other", {"method": "transferred", "pool": "digits", "encoder": "other"}),
        ["encoders.other.encoder", "`other` is itself transferred"],
    ),
    "depth of no wide resnet": (
        ("recipes/backbones.yaml", "wrn-28-2", "depth", 27),
        ["backbones.wrn-28-2", "depth is 27, and must be 6 n + 4"],
    ),
    "vae without convolutions": (
        (ENCODERS, "vae-digits", "backbone", "resnet-digits"),
        ["encoders.vae-digits.backbone", "`resnet` is not known", "convs"],
    ),
    "slice beyond the class": (
        (POOLS, "biased-cifar10", "pool", "splits", "test", "last", 1000),
        ["pools.biased-cifar10.pool.splits.test", "positions 0 to 1000", "1000 images"],
    ),
    "wrong number of classes": (
        (POOLS, "biased-digits", "shares", [0.5, 1.0]),
        ["pools.biased-digits.shares", "2 shares", "10 classes"],
    ),
    "pool of nothing": (
        (POOLS, "cifar10", "pool", "cifar10-al"),
        ["pools.cifar10.pool", "no recipe `cifar10-al` above", "`cifar10-all`"],
    ),
    "outliers of nothing": (
        (POOLS, "cifar10-mixed-svhn", "outliers", "dataset", "shvn"),
        ["pools.cifar10-mixed-svhn.outliers.dataset", "no `shvn`", "`svhn`"],
    ),
    "more outliers than there are": (
        (POOLS, "cifar10-mixed-svhn", "outliers", "count", 100_000),
        ["pools.cifar10-mixed-svhn.outliers.count", "100000", "26032"],
    ),
    "class that is not there": (
        (POOLS, "cifar10-step", "classes", [10]),
        ["pools.cifar10-step.classes", "10 is not a class", "0 to 9"],
    ),
    "two validation sets": (
        (POOLS, "cifar10-longtail", "pool", {"operator": "holdout", "share": 0.1, "pool": "mnist"}),
        ["pools.cifar10-longtail", "validation set already"],
    ),
    "split that is not there": (
        (POOLS, "biased-digits", "splits", ["validation"]),
        ["pools.biased-digits.splits", "no split `validation`"],
    ),
    "unknown scale": (
        (ENCODERS, "byol-digits", "scales", "gpu", {}),
        ["encoders.byol-digits.scales", "`cpu` and `smoke`"],
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_reported_with_file_path_and_remedy(tree, mistake):
    (file, *path, value), expected = MISTAKES[mistake]
    tree.change(file, *path, to=value)
    with pytest.raises(ColdstartError) as error:
        tree.load()
    for part in expected:
        assert part in str(error.value)
    assert len(str(error.value).splitlines()) <= 10


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"scale": "cp"}, ["scale", "`cp`", "did you mean `cpu`"]),
        ({"studies": "quikstart"}, ["studies", "`quikstart`", "did you mean `quickstart`"]),
        ({"device": "gpu"}, ["device", "'gpu'"]),
        ({"image_size": 1}, ["image_size", "greater than or equal to 8"]),
        ({"image_size": 10**6}, ["image_size", "less than or equal to 4096"]),
        ({"store": ["a", "a"]}, ["store", "names `a` twice"]),
        ({"devise": "cpu"}, ["devise: unknown key", "did you mean `device`"]),
        ({"download": "yes please"}, ["download", "'yes please'"]),
    ],
)
def test_mistake_in_the_settings_is_reported(tree, settings, expected):
    with pytest.raises(ColdstartError) as error:
        tree.load(**settings)
    for part in expected:
        assert part in str(error.value)


def test_switch_may_be_text_from_the_command_line(tree):
    assert tree.load(download="true").config.download is True
    assert tree.load(download="false").config.download is False


def test_duplicate_key_in_the_settings_is_refused(tree):
    tree.config.write_text(tree.config.read_text() + "scale: smoke\n")
    with pytest.raises(ColdstartError, match=r"config.yaml, line \d+: key `scale` stands twice"):
        tree.load()


def test_all_mistakes_are_reported_at_once(tree):
    tree.change(ENCODERS, "byol-resnet18", "epochs", to=-1)
    tree.change(STUDY, "runs", "pca", "pool", to="biased-digit")
    with pytest.raises(ColdstartError, match="2 mistakes") as error:
        tree.load()
    assert "epochs" in str(error.value)
    assert "biased-digit" in str(error.value)


def test_many_mistakes_still_fit_in_ten_lines(tree):
    for name in "abcdefghijkl":
        tree.change("recipes/backbones.yaml", name, to={"stem": "cifar", "widths": [0]})
    with pytest.raises(ColdstartError) as error:
        tree.load()
    assert len(str(error.value).splitlines()) == 10
    assert "more" in str(error.value).splitlines()[-1]


def test_mistake_at_another_scale_is_reported_too(tree):
    tree.change(ENCODERS, "byol-resnet18", "scales", "smoke", "epochs", to=0)
    with pytest.raises(ColdstartError, match=r"encoders\.byol-resnet18\.epochs"):
        tree.load(scale="paper")


def test_a_single_name_stands_for_a_list_of_studies(tree):
    tree.add("studies/ssl-digits.yaml")
    assert tree.load(studies="ssl-digits").config.studies == ["ssl-digits"]


@pytest.mark.parametrize("scale", ["paper", "cpu", "smoke"])
def test_every_recipe_resolves_at_every_scale(tree, scale):
    recipes = tree.load(scale=scale).recipes
    encoder = recipes.get("encoders", "byol-resnet18")
    expected = {"paper": (100, 512), "cpu": (80, 192), "smoke": (1, 16)}[scale]
    assert (encoder.epochs, encoder.backbone.widths[-1]) == expected


def test_a_scale_changes_only_what_it_names(tree):
    paper = tree.load(scale="paper").recipes.get("encoders", "byol-digits").model_dump()
    smoke = tree.load(scale="smoke").recipes.get("encoders", "byol-digits").model_dump()
    changed = {key for key in paper if paper[key] != smoke[key]}
    assert changed == {"backbone", "projector", "predictor", "epochs"}


def test_budget_ranges_become_lists_of_numbers(tree):
    tree.add("studies/byol-samplers.yaml")
    run = tree.load().recipes.get("studies", "byol-samplers").runs["biased-cifar10"]
    assert run.budgets[:3] == [5, 6, 7]
    assert set(range(5, 92, 3)) | {137, 275, 412, 550, 687, 1375} <= set(run.budgets)


@pytest.mark.parametrize("name", ["pools", "My_Study"])
def test_name_of_a_study_that_no_path_can_carry_is_refused(tree, name):
    (tree.root / f"studies/{name}.yaml").write_text((tree.root / STUDY).read_text())
    with pytest.raises(ColdstartError) as error:
        tree.load()
    proposed = {"pools": "my-pools", "My_Study": "my-study"}[name]
    assert f"workflow/studies/{name}.yaml: {name}: `{name}` is no name" in str(error.value)
    assert f"Rename it to `{proposed}`" in str(error.value)


@pytest.mark.parametrize("name", ["a", "0", "byol-2", "x" * 100])
def test_names_that_paths_can_carry_are_fine(name):
    assert name_problem(name, "encoders") is None
    assert re.fullmatch(WILDCARD, name)


@given(st.text(max_size=120), st.sampled_from(["pools", "studies", "samplers", ""]))
def test_a_name_matches_the_wildcards_or_gets_a_proposal_that_does(name, kind):
    problem = name_problem(name, kind)
    assert problem is not None or re.fullmatch(WILDCARD, name)
    proposed = re.search("Rename it to `(.*)`$", problem or "")
    if proposed:
        assert name_problem(proposed[1], kind, taken=[name]) is None


def test_grid_of_images_shows_one_of_several_samplers(tree):
    grid = {"kind": "image-grid", "title": "Grid", "runs": ["byol"], "count": 5}
    tree.change(STUDY, "figures", "grid", to=grid | {"samplers": ["k-centre"]})
    tree.load()
    tree.change(STUDY, "figures", "grid", to=grid)
    with pytest.raises(ColdstartError, match=r"figures\.grid\.runs: shows one sampler of one run"):
        tree.load()
