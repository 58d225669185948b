import logging

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from coldstart.selection.base import Tables
from coldstart.selection.samplers.disagreement import Disagreement, disagreement
from coldstart.selection.samplers.uncertainty import uncertainty

# Four images, two votes, two classes.
VOTES = np.array(
    [
        [[0.9, 0.1], [0.1, 0.9]],
        [[0.9, 0.1], [0.1, 0.9]],
        [[0.5, 0.5], [0.5, 0.5]],
        [[0.9, 0.1], [0.4, 0.6]],
    ]
)


def ask(measure, votes, budget, seed=0):
    ids = np.arange(len(votes))
    sampler = Disagreement(sampler="disagreement", measure=measure)
    return sampler.query(Tables(ids, votes=votes), budget, np.random.default_rng(seed))


def test_bald_and_the_entropy_of_the_mean_have_the_values_worked_out_by_hand():
    entropy = uncertainty(VOTES.mean(axis=1), "entropy")
    np.testing.assert_allclose(entropy, [0.693147, 0.693147, 0.693147, 0.647447], atol=1e-6)
    bald = disagreement(VOTES, "bald")
    np.testing.assert_allclose(bald, [0.368064, 0.368064, 0, 0.148399], atol=1e-6)


def test_bald_leaves_images_that_every_vote_is_unsure_of_to_the_last():
    assert ask("bald", VOTES, 4).ids.tolist()[2:] == [3, 2]


def test_the_variation_ratio_counts_votes_for_the_most_frequent_class():
    certain = np.eye(3)
    votes = np.stack([certain[[0, 0, 0]], certain[[0, 0, 1]], certain[[0, 1, 2]]])
    np.testing.assert_allclose(disagreement(votes, "variation-ratio"), [0, 1 / 3, 2 / 3])
    assert ask("variation-ratio", votes, 3).ids.tolist() == [2, 1, 0]


def test_zero_probabilities_give_no_missing_value():
    votes = np.array([[[1.0, 0.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]]])
    np.testing.assert_allclose(disagreement(votes, "bald"), [0, np.log(2)])


def test_equal_ratios_are_ordered_by_the_entropy_of_the_mean():
    sharp, soft = [[0.9, 0.1], [0.1, 0.9], [0.9, 0.1]], [[0.6, 0.4], [0.4, 0.6], [0.6, 0.4]]
    votes = np.array([sharp, soft])
    assert np.ptp(disagreement(votes, "variation-ratio")) == 0
    assert ask("variation-ratio", votes, 2).ids.tolist() == [1, 0]


def test_chance_decides_among_images_with_the_same_votes():
    votes = np.repeat(VOTES[:1], 50, axis=0)
    first, again, other = (ask("bald", votes, 5, seed).ids.tolist() for seed in (0, 0, 1))
    assert first == again != other
    assert first != list(range(5))


def test_bald_equals_the_mean_divergence_of_the_votes_from_their_mean():
    votes = np.random.default_rng(0).dirichlet(np.ones(4), (30, 7))
    mean = votes.mean(axis=1, keepdims=True)
    divergence = (votes * np.log(votes / mean)).sum(axis=2).mean(axis=1)
    np.testing.assert_allclose(disagreement(votes, "bald"), divergence)


@pytest.mark.parametrize("measure", ["bald", "variation-ratio"])
def test_votes_that_agree_have_no_disagreement(measure):
    votes = np.repeat(np.random.default_rng(1).dirichlet(np.ones(3), (5, 1)), 4, axis=1)
    np.testing.assert_allclose(disagreement(votes, measure), 0, atol=1e-12)


def test_variation_ratios_equal_scikit_activeml_s_committee():
    """The committee has three classifiers, fitted on other images each."""
    pool = pytest.importorskip("skactiveml.pool")
    from skactiveml.classifier import SklearnClassifier

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, 3)), rng.integers(4, size=300)
    committee = [
        SklearnClassifier(LogisticRegression(), classes=range(4)).fit(X[half], y[half])
        for half in (rng.permutation(300)[:40] for _ in range(3))
    ]
    theirs = pool.QueryByCommittee(method="variation_ratios")
    unlabelled = np.full(300, np.nan)
    _, expected = theirs.query(X, unlabelled, committee, fit_ensemble=False, return_utilities=True)
    votes = np.stack([one.predict_proba(X) for one in committee], axis=1)
    found = disagreement(votes, "variation-ratio")
    np.testing.assert_allclose(found, expected[0], atol=1e-12)
    assert len(np.unique(found.round(6))) == 3
    picked = ask("variation-ratio", votes, 100).ids
    np.testing.assert_allclose(np.sort(found[picked]), np.sort(found)[-100:])


def test_ties_at_the_cut_are_logged(caplog):
    """One image has a larger ratio; six of seven picks are of twenty with the same one."""
    certain = np.eye(3)
    disputed, split, agreed = certain[[0, 1, 2]], certain[[0, 0, 1]], certain[[0, 0, 0]]
    votes = np.stack([disputed, *[split] * 20, *[agreed] * 5])
    with caplog.at_level(logging.INFO, "coldstart"):
        ask("variation-ratio", votes, 7)
    (line,) = caplog.messages
    assert "6 of 7 picks are tied in variation-ratio with 14 candidates that are not" in line
    caplog.clear()
    with caplog.at_level(logging.INFO, "coldstart"):
        ask("variation-ratio", votes, 21)  # all that are tied
    assert not caplog.messages
