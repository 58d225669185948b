import pandas as pd
import pytest

from coldstart.common.errors import ColdstartError
from coldstart.config.load import load
from coldstart.config.recipes.figures.training_curves import TrainingCurves
from coldstart.figures.training_curves import PANELS, draw
from coldstart.planning.fingerprint import PACKAGE
from coldstart.planning.plan import Plan
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


def test_figure_has_a_line_per_run_and_encoder_seed(trained):
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


def test_losses_of_different_scales_are_normalised(trained):
    studio = trained
    studio.run("large", ["random"], encoder="barlow-twins-digits")
    rows = [{"epoch": e, "loss": 100.0 / e, "lr": 0.1, "images_per_second": 9.0} for e in (1, 2, 4)]
    table = pd.DataFrame(rows).assign(embedding_std=0.1, effective_rank=3.0)
    studio._publish(
        "histories/large/0", lambda out: table.to_parquet(out / "history.parquet", index=False)
    )
    figure, numbers = draw(studio.shown(), TARGET)
    assert numbers.loc[numbers["run"] == "large", "loss"].tolist() == [100, 50, 25]
    one, again, two, large = (line.get_ydata().tolist() for line in figure.axes[0].lines)
    assert one == pytest.approx([0.8, 0.4, 0.0])  # of losses from 0 to 2.5, with that of seed 1
    assert again == pytest.approx([1.0, 0.6, 0.2])
    assert two == pytest.approx([1.0, 0.0])
    assert large == pytest.approx([1.0, 1 / 3, 0.0])
    assert figure.axes[0].get_ylabel() == "loss, 0 to 1"
    assert figure.axes[1].lines[3].get_ydata().tolist() == [0.1, 0.1, 0.1]


def test_one_run_has_no_legend(studio):
    history(studio.run("one", ["random"]), "one", 0, 1)
    figure, numbers = draw(studio.shown(), TARGET)
    assert not figure.legends
    assert numbers["loss"].tolist() == [2.0]
    assert figure.axes[0].lines[0].get_ydata().tolist() == [2.0]
    assert figure.axes[0].get_ylabel() == "loss"
    assert figure.axes[0].lines[0].get_marker() == "o"  # a line through one point shows nothing


def test_encoders_without_epochs_are_an_error(studio):
    studio.run("pca", ["random"], encoder="pca-512")
    components = pd.DataFrame({"component": [0], "explained_variance_ratio": [0.7]})
    studio._publish(
        "histories/pca/0", lambda out: components.to_parquet(out / "history.parquet", index=False)
    )
    with pytest.raises(ColdstartError, match="encoders of pca were not trained by epochs"):
        draw(studio.shown(), TARGET)


def test_figure_reads_trainings_alone(tmp_path):
    plan = Plan(load({"scale": "smoke"}, [], PACKAGE.parent), Store(tmp_path))
    study = plan.recipes.get("studies", "quickstart")
    study.figures["trainings"] = TARGET
    shown = plan.figures.shown("quickstart", "figures", "trainings")
    assert {planned.identity.stage for planned in shown.values()} == {"pretrain"}
    assert set(shown) == {
        f"histories/{name}/{seed}" for name, run in study.runs.items() for seed in run.encoder_seeds
    }
