import numpy as np
import pytest

from coldstart.common.errors import ColdstartError
from coldstart.selection.base import Tables
from coldstart.selection.samplers.by_score import ByScore

RNG = np.random.default_rng(0)
SCORES = RNG.random((30, 5))
TABLES = Tables(np.arange(30), scores=SCORES)


def picked(**settings):
    sampler = ByScore(sampler="by-score", score="loss", **settings)
    return sampler.query(TABLES, 6, np.random.default_rng(1))


@pytest.mark.parametrize(("passes", "read"), [(None, 5), (1, 1), (3, 3), (5, 5)])
def test_only_the_first_passes_count(passes, read):
    picks = picked(statistic="mean", passes=passes)
    means = SCORES[:, :read].mean(1)
    assert picks.ids.tolist() == np.argsort(-means)[:6].tolist()
    np.testing.assert_allclose(picks.scores, np.sort(means)[::-1][:6])


def test_variance_is_over_the_same_passes():
    picks = picked(statistic="var", passes=2)
    assert picks.ids.tolist() == np.argsort(-SCORES[:, :2].var(1))[:6].tolist()


def test_more_passes_than_there_are_is_an_error():
    with pytest.raises(ColdstartError, match="reads 6 passes of a score that has 5"):
        picked(statistic="mean", passes=6)
