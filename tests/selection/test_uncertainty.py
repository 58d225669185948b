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
