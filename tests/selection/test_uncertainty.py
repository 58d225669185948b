import numpy as np
import pytest

from coldstart.selection.base import Tables
from coldstart.selection.samplers.uncertainty import Uncertainty, uncertainty

MEASURES = ["least-confidence", "margin", "entropy"]
SURE = [1.0, 0.0, 0.0]
TWO = [0.5, 0.5, 0.0]  # the smallest margin there is
THREE = [0.4, 0.3, 0.3]  # the least confidence, the largest entropy


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        ("least-confidence", [0, 0.5, 0.6]),
        ("margin", [0, 1, 0.9]),
        ("entropy", [0, np.log(2), -0.4 * np.log(0.4) - 0.6 * np.log(0.3)]),
    ],
)
def test_uncertainties_equal_values_computed_by_hand(measure, expected):
    np.testing.assert_allclose(uncertainty(np.array([SURE, TWO, THREE]), measure), expected)


@pytest.mark.parametrize("measure", MEASURES)
def test_uncertainties_equal_scikit_activeml(measure):
    theirs = pytest.importorskip("skactiveml.pool").uncertainty_scores
    probabilities = np.random.default_rng(0).dirichlet(np.ones(7), size=200)
    named = {"least-confidence": "least_confident", "margin": "margin_sampling"}
    expected = theirs(probabilities, method=named.get(measure, measure))
    np.testing.assert_allclose(uncertainty(probabilities, measure), expected, atol=1e-12)


@pytest.mark.parametrize("measure", MEASURES)
def test_equal_uncertainties_are_picked_in_the_order_of_ids(measure):
    tables = Tables(np.arange(6)[::-1], predictions=np.array([TWO, SURE, TWO] * 2))
    sampler = Uncertainty(sampler="uncertainty", measure=measure)
    assert sampler.query(tables, 3, np.random.default_rng(0)).ids.tolist() == [0, 2, 3]


@pytest.mark.parametrize("measure", MEASURES)
def test_certain_predictions_have_no_uncertainty_and_are_picked_last(measure):
    """Logarithms of nought give missing values, which a sort would put first."""
    certain = [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    nearly = [[1 - 1e-9, 1e-9, 0.0], [1 - 1e-300, 1e-300, 0.0]]
    predictions = np.array([certain[0], TWO, nearly[0], certain[1], THREE])
    values = uncertainty(predictions, measure)
    assert values[0] == values[3] == 0.0
    tables = Tables(np.arange(5), predictions=predictions)
    sampler = Uncertainty(sampler="uncertainty", measure=measure)
    picked = sampler.query(tables, 5, np.random.default_rng(0)).ids.tolist()
    assert picked[2:] == [2, 0, 3]
    assert np.isfinite(uncertainty(np.array(nearly), measure)).all()
