import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from coldstart.statistics.growth import advice, paired_interval, summarise_growth, wilson


@pytest.mark.parametrize(("right", "count"), [(0, 10), (3, 10), (41, 60), (200, 200)])
def test_wilson_interval_is_scipys(right, count):
    ours = wilson(right / count, count)
    theirs = binomtest(right, count).proportion_ci(method="wilson")
    np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_paired_interval_of_uncorrelated_answers_is_newcombes_for_two_samples():
    """Newcombe 1998, method 10 of eleven: 56/70 less 48/80 has the interval 0.0524 to 0.3339."""
    low_1, high_1 = wilson(56 / 70, 70)
    low_2, high_2 = wilson(48 / 80, 80)
    unpaired = np.hypot(56 / 70 - low_1, high_2 - 48 / 80), np.hypot(high_1 - 56 / 70, 0.6 - low_2)
    np.testing.assert_allclose([0.2 - unpaired[0], 0.2 + unpaired[1]], [0.0524, 0.3339], atol=5e-5)
    # The same holds for pairs without any correlation, with one number of images.
    before = np.tile([1.0, 1.0, 0.0, 0.0], 10)
    after = np.tile([1.0, 0.0, 1.0, 0.0], 10)
    half = np.hypot(0.5 - wilson(0.5, 40)[0], wilson(0.5, 40)[1] - 0.5)
    np.testing.assert_allclose(paired_interval(before, after), [-half, half], atol=1e-12)


def test_paired_interval_gets_narrower_where_answers_agree_and_keeps_a_width_at_the_ends():
    agree = np.repeat([1.0, 0.0], 20)
    np.testing.assert_allclose(paired_interval(agree, agree), [0, 0], atol=1e-9)
    all_right = np.ones(10)
    low, high = paired_interval(all_right, all_right)
    assert low < -0.2
    assert high > 0.2


def test_paired_interval_holds_the_true_gain():
    rng = np.random.default_rng(0)
    held, draws = 0, 2000
    for _ in range(draws):
        before = rng.random(40) < 0.6
        after = np.where(before, rng.random(40) < 0.95, rng.random(40) < 0.4)
        low, high = paired_interval(before.astype(float), after.astype(float))
        held += low <= 0.6 * 0.95 + 0.4 * 0.4 - 0.6 <= high
    assert 0.93 < held / draws < 0.98


def table(*shares, images=400):
    """Shares of right answers at 10, 20, 40, ... labels; the same images come first in each."""
    rows = [
        {"id": image, "labels": 10 * 2**number, "right": float(image < share * images)}
        for number, share in enumerate(shares)
        for image in range(images)
    ]
    return pd.DataFrame(rows)


def test_summary_has_accuracy_and_the_gain_over_the_size_before():
    found = summarise_growth(table(0.5, 0.7))
    assert found["labels"].tolist() == [10, 20]
    assert found["accuracy"].tolist() == pytest.approx([0.5, 0.7])
    assert np.isnan(found["gain"][0])
    assert found["gain"][1] == pytest.approx(0.2)
    assert found["gain_low"][1] < 0.2 < found["gain_high"][1]


@pytest.mark.parametrize(
    ("shares", "worth", "said"),
    [
        ((0.5, 0.7), 0.01, "Go on: a doubling still gains more than 1 point."),
        ((0.5, 0.7, 0.7), 0.05, "may stop: a doubling gains less than 5 points"),
        ((0.5, 0.52), 0.01, "cannot be told"),
        ((0.5,), 0.01, "too few, or of one class"),
        ((), 0.01, "too few, or of one class"),
    ],
)
def test_advice_follows_from_the_interval_of_the_last_gain(shares, worth, said):
    rows = table(*shares) if shares else pd.DataFrame(columns=["id", "labels", "right"])
    sentences = advice(summarise_growth(rows), worth)
    assert said in sentences[-1]
    if len(shares) > 1:
        assert "From" in sentences[1]
