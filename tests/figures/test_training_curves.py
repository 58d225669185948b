import pandas as pd
import pytest

from coldstart.config.load import load
from coldstart.config.targets import TrainingCurves
from coldstart.errors import ColdstartError
from coldstart.figures.training_curves import PANELS, draw
from coldstart.fingerprint import PACKAGE
from coldstart.plan import Plan
from coldstart.store import Store

TARGET = TrainingCurves(kind="training-curves", title="How the trainings went")


def history(studio, run, seed, epochs, offset=0.0):
    rows = [
        {"epoch": epoch, "loss": 3.0 - epoch + offset, "lr": 0.1, "images_per_second": 9.0}
        | {"embedding_std": 0.05 * epoch, "effective_rank": 2.0 + epoch}
        for epoch in range(1, epochs + 1)
    ]
    write = pd.DataFrame(rows).to_parquet
    return studio._publish(
        f"histories/{run}/{seed}", lambda out: write(out / "history.parquet", index=False)
    )


@pytest.fixture
def trained(studio):
    studio.run("one", ["random"]).run("two", ["random"], encoder="simclr-digits")
    studio.run("pca", ["random"], encoder="pca-512")
    history(studio, "one", 0, 3)
    history(studio, "one", 1, 3, offset=0.5)
    history(studio, "two", 0, 2)
    components = pd.DataFrame({"component": [0], "explained_variance_ratio": [0.7]})
    studio._publish(
        "histories/pca/0", lambda out: components.to_parquet(out / "history.parquet", index=False)
    )
    return studio


def test_a_line_per_run_and_encoder_seed(trained):
    figure, numbers = draw(trained.shown(), TARGET)
    assert len(numbers) == 8
    assert numbers.columns.tolist() == ["run", "pool", "encoder", "encoder_seed", "epoch", *PANELS]
    assert len(figure.axes) == len(PANELS)
    for axes, column in zip(figure.axes, PANELS, strict=True):
        lines = [(line.get_xdata().tolist(), line.get_ydata().tolist()) for line in axes.lines]
        expected = [
            (table["epoch"].tolist(), table[column].tolist())
            for _, table in numbers.groupby(["run", "encoder_seed"])
        ]
        assert lines == expected
        colours = [line.get_color() for line in axes.lines]
        assert colours[0] == colours[1] != colours[2]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["BYOL digits", "SimCLR digits"]


def test_one_run_has_no_legend(studio):
    history(studio.run("one", ["random"]), "one", 0, 1)
    figure, numbers = draw(studio.shown(), TARGET)
    assert not figure.legends
    assert numbers["loss"].tolist() == [2.0]
    assert figure.axes[0].lines[0].get_marker() == "o"  # a line through one point shows nothing


def test_encoders_without_epochs_are_an_error(studio):
    studio.run("pca", ["random"], encoder="pca-512")
    components = pd.DataFrame({"component": [0], "explained_variance_ratio": [0.7]})
    studio._publish(
        "histories/pca/0", lambda out: components.to_parquet(out / "history.parquet", index=False)
    )
    with pytest.raises(ColdstartError, match="encoders of pca were not trained by epochs"):
        draw(studio.shown(), TARGET)


def test_the_figure_waits_for_trainings_and_nothing_after_them(tmp_path):
    plan = Plan(load({"scale": "smoke"}, [], PACKAGE.parent), Store(tmp_path))
    study = plan.recipes.get("studies", "quickstart")
    study.figures["trainings"] = TARGET
    shown = plan.shown("quickstart", "figures", "trainings")
    assert {planned.identity.stage for planned in shown.values()} == {"pretrain"}
    assert set(shown) == {
        f"histories/{name}/{seed}" for name, run in study.runs.items() for seed in run.encoder_seeds
    }
