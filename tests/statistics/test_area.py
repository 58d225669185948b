import numpy as np
import pandas as pd
import pytest

from coldstart.common.errors import ColdstartError
from coldstart.statistics.area import areas, summarise_areas

COLUMNS = ["run", "encoder_seed", "sampler", "trial", "budget", "value"]


def curve(*values, budgets=(10, 20, 40), sampler="random", seed=0, encoder=0, run="m"):
    rows = [(run, encoder, sampler, seed, b, v) for b, v in zip(budgets, values, strict=True)]
    return pd.DataFrame(rows, columns=COLUMNS)


def test_area_is_the_sum_of_trapezia_over_the_span():
    table = areas(curve(0.1, 0.3, 0.5).iloc[[1, 0, 2]]).set_index("axis")["area"]
    assert table["linear"] == pytest.approx((0.2 * 10 + 0.4 * 20) / 30)
    assert table["log"] == pytest.approx((0.2 + 0.4) / 2)  # two doublings


def test_constant_curve_has_its_value_as_area_on_both_axes():
    table = areas(curve(0.7, 0.7, 0.7))
    assert table["area"].tolist() == pytest.approx([0.7, 0.7])


def test_each_trial_has_an_area_and_each_run_its_budgets():
    tables = [
        curve(0.1, 0.1, 0.1),
        curve(0.3, 0.3, 0.3, seed=1),
        curve(0.5, 0.5, 0.5, encoder=1),
        curve(0.8, 0.8, budgets=(5, 50), run="n"),
    ]
    table = areas(pd.concat(tables))
    linear = table[table["axis"] == "linear"]
    assert linear["area"].tolist() == pytest.approx([0.1, 0.3, 0.5, 0.8])
    summary = summarise_areas(table)
    assert summary["draws"].tolist() == [3, 3, 1, 1]
    first = summary.iloc[0]
    # Student's t with two degrees of freedom is 4.302653 at 97.5 %.
    half = 4.302653 * np.std([0.1, 0.3, 0.5], ddof=1) / np.sqrt(3)
    assert (first["area"], first["sd"]) == pytest.approx((0.3, 0.2))
    assert (first["low"], first["high"]) == pytest.approx((0.3 - half, 0.3 + half))
    assert summary.loc[2:, ["sd", "low", "high"]].isna().all(axis=None)


def test_two_trials_have_no_interval():
    summary = summarise_areas(areas(pd.concat([curve(0, 1, 1), curve(1, 1, 1, seed=1)])))
    assert summary["sd"].notna().all()
    assert summary["low"].isna().all()


def test_classes_are_averaged():
    table = areas(pd.concat([curve(0.1, 0.1, 0.1), curve(0.3, 0.3, 0.3)]))
    assert table["area"].tolist() == pytest.approx([0.2, 0.2])


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (curve(0.5, budgets=(10,)), "run m has one number of labels"),
        (pd.concat([curve(0.1, 0.1, 0.1), curve(0.1, 0.1, budgets=(10, 40), seed=1)]), "20 labels"),
        (curve(0.1, np.nan, 0.3), "run m has missing values"),
    ],
)
def test_curves_without_an_area_are_refused(table, words):
    with pytest.raises(ColdstartError, match=words):
        areas(table)
