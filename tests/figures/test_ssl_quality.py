"""Quality of encoders: the figure over epochs, and the table of the last epoch."""

import numpy as np
import pandas as pd
import pytest

from coldstart.config.recipes.figures.ssl_quality import SslQuality
from coldstart.figures.ssl_quality import PANELS, draw, tabulate

TARGET = SslQuality(kind="ssl-quality", title="Quality of the embeddings")


def probes(studio, run, seed, values):
    """Values of a run and seed: epoch -> accuracy; the rank is ten times as much."""
    rows = [
        (epoch, metric, value * (10 if metric == "effective-rank" else 1))
        for epoch, value in values.items()
        for metric in (*PANELS, "embedding-std")
    ]
    table = pd.DataFrame(rows, columns=["epoch", "metric", "value"]).astype({"epoch": "Int64"})
    studio._publish(
        f"probes/{run}/{seed}", lambda out: table.to_parquet(out / "probes.parquet", index=False)
    )


@pytest.fixture
def measured(studio):
    studio.run("one", []).run("two", [], encoder="simclr-digits")
    studio.run("pca", [], encoder="pca-512")
    probes(studio, "one", 0, {0: 0.2, 5: 0.5, 10: 0.8})
    probes(studio, "one", 1, {0: 0.4, 5: 0.5, 10: 0.6})
    probes(studio, "two", 0, {0: 0.3, 10: 0.9})
    probes(studio, "pca", 0, {None: 0.55})
    return studio


def test_figure_has_a_line_per_run_and_a_level_one_without_epochs(measured):
    figure, numbers = draw(measured.shown(), TARGET)
    assert len(figure.axes) == len(PANELS)
    for axes, metric in zip(figure.axes, PANELS, strict=True):
        scale = 10 if metric == "effective-rank" else 1
        one, two, pca = axes.lines
        assert one.get_xdata().tolist() == [0, 5, 10]
        np.testing.assert_allclose(one.get_ydata(), np.array([0.3, 0.5, 0.7]) * scale)
        np.testing.assert_allclose(two.get_ydata(), np.array([0.3, 0.9]) * scale)
        np.testing.assert_allclose(pca.get_ydata(), 0.55 * scale)
        assert pca.get_linestyle() == ":"
    (legend,) = figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert names == ["BYOL digits", "SimCLR digits", "PCA 512"]
    end = numbers[(numbers["run"] == "one") & (numbers["epoch"] == 10)].set_index("metric")
    assert end.loc["knn", "n"] == 2
    assert end.loc["knn", "sd"] == pytest.approx(np.std([0.8, 0.6], ddof=1))


def test_note_names_encoders_that_start_from_others(measured):
    def note():
        return draw(measured.shown(), TARGET)[0].texts[-1].get_text().replace("\n", " ")

    assert "mean ± 1 s.d. over 2 seeds" in note()
    assert "another encoder" not in note()
    measured.run("chained", [], encoder="scan-digits")
    probes(measured, "chained", 0, {5: 0.6, 10: 0.7})
    assert "Lines that start later belong to encoders fine-tuned from another one." in note()


def test_table_has_each_encoder_trained_and_untrained(measured):
    table = tabulate(measured.shown(), TARGET)
    table = table[table["metric"] == "linear"].set_index("run")
    assert table["epochs"].fillna(-1).to_dict() == {"one": 10, "two": 10, "pca": -1}
    np.testing.assert_allclose(table["mean"].loc[["one", "two", "pca"]], [0.7, 0.9, 0.55])
    np.testing.assert_allclose(table["untrained"].loc[["one", "two", "pca"]], [0.3, 0.3, np.nan])


def test_published_values_are_beside_ours(measured):
    measured.paper("run,metric,value\ntwo,linear,0.85\n")
    table = tabulate(measured.shown(), TARGET).set_index(["run", "metric"])["paper"]
    assert table["two", "linear"] == 0.85
    assert table.drop(("two", "linear")).isna().all()
