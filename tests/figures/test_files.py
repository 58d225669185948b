import re
from contextlib import suppress

import jinja2
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from docutils.core import publish_parts

from coldstart.config.recipes.figures.advantage import Advantage
from coldstart.config.recipes.figures.average_rank import AverageRank
from coldstart.config.recipes.figures.budget_area import BudgetArea
from coldstart.config.recipes.figures.budget_curve import BudgetCurve
from coldstart.config.recipes.figures.claims import Claims
from coldstart.config.recipes.figures.class_examples import ClassExamples
from coldstart.config.recipes.figures.clusters import Clusters
from coldstart.config.recipes.figures.contact_sheet import ContactSheet
from coldstart.config.recipes.figures.critical_difference import CriticalDifference
from coldstart.config.recipes.figures.data_sheet import DataSheet
from coldstart.config.recipes.figures.embedding_map import EmbeddingMap
from coldstart.config.recipes.figures.explorer import Explorer
from coldstart.config.recipes.figures.findings import Findings
from coldstart.config.recipes.figures.image_grid import ImageGrid
from coldstart.config.recipes.figures.label_growth import LabelGrowth
from coldstart.config.recipes.figures.metrics import Metrics
from coldstart.config.recipes.figures.overlap import Overlap
from coldstart.config.recipes.figures.paired_differences import PairedDifferences
from coldstart.config.recipes.figures.penalty_matrix import PenaltyMatrix
from coldstart.config.recipes.figures.picked_classes import PickedClasses
from coldstart.config.recipes.figures.published import Published
from coldstart.config.recipes.figures.ssl_quality import SslQuality
from coldstart.config.recipes.figures.statistics import Statistics
from coldstart.config.recipes.figures.tied_picks import TiedPicks
from coldstart.config.recipes.figures.toy_queries import ToyQueries
from coldstart.config.recipes.figures.training_curves import TrainingCurves
from coldstart.config.recipes.targets import FIGURES, TABLES
from coldstart.figures.draw import draw_figure, write_table
from coldstart.figures.style import looks, new_figure, run_titles, save, styled
from coldstart.planning.fingerprint import PACKAGE
from tests.helpers.jobs import script_job

REPORT = PACKAGE.parent / "report"
FIGURES_SHOWN = [
    BudgetCurve(kind="budget-curve", title="A question", published="a-paper"),
    BudgetCurve(
        kind="budget-curve",
        title="A question",
        metric="average-precision",
        label=3,
        style="scatter",
    ),
    PickedClasses(kind="picked-classes", title="A question", budget=40),
    ContactSheet(kind="contact-sheet", title="A question", count=20),
    ImageGrid(kind="image-grid", title="A question", count=20),
    EmbeddingMap(kind="embedding-map", title="A question", budget=40),
    AverageRank(kind="average-rank", title="A question"),
    CriticalDifference(kind="critical-difference", title="A question", test="nemenyi"),
    PenaltyMatrix(kind="penalty-matrix", title="A question"),
    BudgetArea(kind="budget-area", title="A question"),
    PairedDifferences(kind="paired-differences", title="A question", baseline="random"),
    TrainingCurves(kind="training-curves", title="A question"),
    LabelGrowth(kind="label-growth", title="A question"),
    SslQuality(kind="ssl-quality", title="A question"),
    Clusters(kind="clusters", title="A question"),
    DataSheet(kind="data-sheet", title="A question"),
    Overlap(kind="overlap", title="A question"),
    ToyQueries(kind="toy-queries", title="A question"),
    Advantage(kind="advantage", title="A question", baseline="Random"),
    *(
        ClassExamples(
            kind="class-examples",
            title="A question",
            sampler="random",
            budget=40,
            label=3,
            show=show,
        )
        for show in ("picked", "tested")
    ),
]
TABLES_SHOWN = [
    TiedPicks(kind="tied-picks", title="A question"),
    Advantage(kind="advantage", title="A question", baseline="Random"),
    Overlap(kind="overlap", title="A question", picks="new"),
    AverageRank(kind="average-rank", title="A question", metric="average-precision"),
    Published(kind="published", title="A question", published="a-paper"),
    Statistics(kind="statistics", title="A question", block=["run", "budget"]),
    Findings(kind="findings", title="A question"),
    BudgetArea(kind="budget-area", title="A question", metric="average-precision"),
    PairedDifferences(kind="paired-differences", title="A question", baseline="random"),
    Metrics(kind="metrics", title="A question"),
    Explorer(kind="explorer", title="A question", budget=40),
    SslQuality(kind="ssl-quality", title="A question"),
    Clusters(kind="clusters", title="A question"),
    Claims.model_validate(
        {
            "kind": "claims",
            "title": "A question",
            "claims": {
                "mine": {
                    "says": "Random is good.",
                    "ours": {"runs": ["main"], "sampler": "random"},
                    "direction": "above",
                    "other": 0.5,
                }
            },
        }
    ),
]

SAID = {
    ("figure", "budget-curve"): "one standard deviation",
    ("figure", "picked-classes"): "Candidates of each class among the first",
    ("figure", "contact-sheet"): "in order from left to right",
    ("figure", "image-grid"): "each with its rank",
    ("figure", "embedding-map"): "t-SNE (perplexity 30.0",
    ("figure", "average-rank"): "95 % intervals of the mean",
    ("figure", "critical-difference"): "test: their ranks differ by less",
    ("figure", "penalty-matrix"): "top-1 accuracy is higher by a paired t-test",
    ("figure", "budget-area"): "each doubling weighs alike",
    ("figure", "paired-differences"): "less that of random",
    ("figure", "label-growth"): "Error bars are 95 % Wilson intervals over images",
    ("figure", "training-curves"): "a line per run and encoder seed",
    ("figure", "ssl-quality"): "Epoch 0 is the encoder before training",
    ("figure", "clusters"): "the largest first",
    ("figure", "data-sheet"): "in each split of the pool",
    ("figure", "class-examples"): "that random picked with the first encoder seed",
    ("figure", "overlap"): "share of labelled images that two selections",
    ("figure", "toy-queries"): "500 points of two Gaussians",
    ("figure", "advantage"): "less that of Random",
    ("table", "advantage"): "with Holm's correction for all comparisons",
    ("table", "overlap"): "share of images of the last purchase",
    ("table", "tied-picks"): "among candidates with this score a second rule chose",
    ("table", "average-rank"): "Ranks of the samplers by mean average precision",
    ("table", "statistics"): "one for each run and number of labels.",
    ("table", "findings"): "by top-1 accuracy, in sentences",
    ("table", "budget-area"): "the curve of mean average precision",
    ("table", "paired-differences"): "one for each run, encoder seed and trial.",
    ("table", "published"): "ours less the paper's",
    ("table", "metrics"): "one row per value",
    ("table", "explorer"): "predicts rightly after 40",
    ("table", "ssl-quality"): "is the same encoder before training",
    ("table", "clusters"): "adjusted Rand index",
    ("table", "claims"): "lies on one side of the claimed margin",
}


def job(studio, folder, target, *suffixes):
    """The job of a figure's script."""
    folder.mkdir(exist_ok=True)
    params = {
        "target": target.model_dump(),
        "keys": studio.keys,
        "runs": studio.runs,
        "published": studio.tables,
    }
    return script_job([folder / f"shown.{suffix}" for suffix in suffixes], target=params)


@pytest.fixture
def ranked(studio):
    studio.run("main", ["random", "my-own", "loss-var"])
    rows = [
        (sampler, seed, budget, "top-1", None, 0.1 * at + budget / 100 + seed / 50)
        for at, sampler in enumerate(studio.runs["main"]["samplers"])
        for seed in (0, 1)
        for budget in (10, 20, 40)
    ]
    return studio.metrics("main", 0, rows)


def test_figure_is_written_in_every_format_reproducibly(ranked, tmp_path):
    target = BudgetCurve(kind="budget-curve", title="A question")
    formats = ("svg", "pdf", "png", "csv")
    draw_figure(job(ranked, tmp_path / "a", target, *formats), ranked.store)
    with matplotlib.rc_context({"font.size": 20, "axes.facecolor": "red"}):  # somebody's own style
        draw_figure(job(ranked, tmp_path / "b", target, *formats), ranked.store)
    for suffix in formats:
        first = (tmp_path / "a" / f"shown.{suffix}").read_bytes()
        assert first == (tmp_path / "b" / f"shown.{suffix}").read_bytes(), suffix
    assert len(list((tmp_path / "a").iterdir())) == len(formats)
    svg = (tmp_path / "a" / "shown.svg").read_text()
    assert ">A question<" in svg
    assert not re.search(r"20\d\d-\d\d-\d\d|Matplotlib v", svg)
    assert (tmp_path / "a" / "shown.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "a" / "shown.pdf").read_bytes().startswith(b"%PDF")
    numbers = pd.read_csv(tmp_path / "a" / "shown.csv")
    assert numbers.loc[0, "mean"] == pytest.approx(0.11)


def test_a_table_is_written_with_six_digits(ranked, tmp_path):
    target = AverageRank(kind="average-rank", title="Ranks")
    write_table(job(ranked, tmp_path / "t", target, "csv"), ranked.store)
    lines = (tmp_path / "t" / "shown.csv").read_text().splitlines()
    assert lines[0] == "sampler,average_rank,sd,blocks,won,low,high"
    assert lines[1] == "loss-var,1,0,3,1,1,1"


def test_failed_figure_leaves_the_old_file(tmp_path):
    class Broken:
        def savefig(self, path, **kwargs):
            path.write_bytes(b"half")
            raise OSError("disk full")

    (tmp_path / "shown.svg").write_text("old")
    with pytest.raises(OSError, match="disk full"):
        save(Broken(), tmp_path / "shown.svg")
    assert (tmp_path / "shown.svg").read_text() == "old"


def test_each_sampler_has_its_own_look_in_all_figures():
    names = ["random", "kmeans", "k-centre", "loss-mean", "loss-var", "grad-mean", "grad-var"]
    own = ["my-own", "their-own"]
    both = looks([*names, *own])
    assert all(looks([name])[name] == both[name] for name in [*names, "my-own"])
    assert both["loss-var"].name == "Loss variance"
    assert both["my-own"].name == "my-own"
    shown = ["loss-mean-20", "typiclust", "prob-cover-100", "own-20"]
    found = [looks([name])[name].name for name in shown]
    assert found == ["Loss mean (20)", "TypiClust", "ProbCover (100)", "own-20"]
    many = looks([*names, *(f"own-{at}" for at in range(6))])
    assert len({look.colour for look in many.values()}) == 13
    assert len({look.marker for look in many.values()}) == 13
    assert len(looks(f"own-{at}" for at in range(9))) == 9


def test_runs_are_named_by_their_differences():
    byol = {"pool": "biased-digits", "encoder": "byol-resnet18"}
    pca = {"pool": "biased-digits", "encoder": "pca-512"}
    assert run_titles({"a": byol}) == {"a": ""}
    assert run_titles({"a": byol, "b": pca}) == {"a": "BYOL ResNet-18", "b": "PCA 512"}
    assert run_titles({"a": pca, "b": {**pca, "pool": "svhn"}}) == {
        "a": "biased digits",
        "b": "svhn",
    }
    assert run_titles({"one": pca, "two": pca}) == {"one": "one", "two": "two"}


def test_long_title_fits_the_figure():
    with styled():
        figure = new_figure(" average rank by top-1 accuracy of the many" * 3, 3)
        figure.subplots()
        figure.draw_without_rendering()
        assert figure._suptitle.get_window_extent().x1 <= figure.bbox.width


def rendered(template, text):
    """Render a caption as Snakemake's report does; a fault in the markup is an error."""
    env = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    filled = env.from_string(text).render(snakemake=template)
    settings = {"halt_level": 1, "report_level": 1}
    return publish_parts(filled, writer="html", settings_overrides=settings)["html_body"]


def test_every_kind_has_a_caption_and_a_function_that_draws_it():
    assert {(kinds.form, name) for kinds in (FIGURES, TABLES) for name in kinds.names()} == {*SAID}
    assert all(callable(FIGURES.load(target).draw) for target in FIGURES_SHOWN)
    assert all(callable(TABLES.load(target).tabulate) for target in TABLES_SHOWN)


@pytest.mark.parametrize(
    ("folder", "target"),
    [("figure", target) for target in FIGURES_SHOWN]
    + [("table", target) for target in TABLES_SHOWN],
    ids=lambda value: getattr(value, "kind", value),
)
def test_caption_describes_the_figure_or_table(folder, target, studio):
    studio.run("main", ["random", "loss-var"]).run("pca", ["random"], encoder="pca-512")
    shown = {
        "target": target.model_dump(),
        "caption": target.caption(folder),
        "keys": {},
        "runs": studio.runs,
        "published": ["workflow/papers/a-paper.csv"] if getattr(target, "published", "") else [],
    }
    template = script_job([], folder, {"study": "mine", "name": "it"}, target=shown)
    html = rendered(template, (REPORT / "caption.rst").read_text(encoding="utf-8"))
    assert "<strong>A question.</strong>" in html
    assert f"results/{folder}s/mine/it.csv" in html
    assert "pool biased-digits, encoder pca-512, sampler random." in html
    assert SAID[folder, target.kind] in html
    for key in ("budget", "count", "label"):
        if getattr(target, key, None) is not None:
            assert str(getattr(target, key)) in html
    assert ("a-paper.csv" in html) == bool(shown["published"])


def test_ranking_has_a_caption_that_links_to_its_page():
    told = {"sampler": "max-herding", "encoder": "efficientnet-lite0"}
    template = script_job([], "ranking", {}, ranking=told)
    html = rendered(template, (REPORT / "ranking.rst").read_text(encoding="utf-8"))
    assert 'href="ranking/index.html"' in html
    assert "the picks of sampler max-herding in order" in html
    assert "Encoder: efficientnet-lite0." in html


def test_report_begins_with_a_description():
    html = rendered(None, (REPORT / "workflow.rst").read_text(encoding="utf-8"))
    assert "which images should be labelled first" in html


@pytest.mark.parametrize("suffix", ["svg", "pdf", "png"])
def test_full_disk_is_reported_for_every_format(small_disk, suffix):
    path = small_disk / f"curve.{suffix}"
    with styled():
        figure, axes = plt.subplots()
        axes.imshow(np.random.default_rng(0).random((300, 300)))
        with (small_disk / "ballast").open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(b"x" * 1024)
        with pytest.raises(OSError, match="No space left on device") as error:
            save(figure, path)
    assert error.value.filename == str(path)
    assert [one.name for one in small_disk.iterdir()] == ["ballast"]
