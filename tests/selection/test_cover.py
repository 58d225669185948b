"""Samplers that cover all images greedily, against plain definitions and toys."""

import numpy as np
import pytest

from coldstart.common.errors import ColdstartError
from coldstart.selection.base import SAMPLERS, Tables
from coldstart.selection.samplers import coverage, prob_cover, similarity
from coldstart.selection.samplers.coverage import Nearer
from coldstart.selection.samplers.prob_cover import neighbour_radius, pure_radius


def query(recipe, tables, budget, seed=0):
    sampler = SAMPLERS.adapter().validate_python(recipe)
    return sampler.query(tables, budget, np.random.default_rng(seed))


def random_unit(count, dim, seed):
    X = np.random.default_rng(seed).normal(size=(count, dim))
    return (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(params=["whole", "in blocks"])
def _blocks(request, monkeypatch):
    """All at once, and with small blocks."""
    if request.param == "in blocks":
        monkeypatch.setattr(similarity, "BLOCK", 170)
        monkeypatch.setattr(coverage, "BLOCK", 170)


@pytest.mark.usefixtures("_blocks")
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("labelled", [0, 5])
def test_prob_cover_is_greedy(seed, labelled):
    """At every step the pick covers as many new images as any could."""
    X = 3 * random_unit(90, 4, seed)
    tables = Tables(np.arange(90), X, labelled=np.arange(labelled))
    picks = query({"sampler": "prob-cover", "radius": 0.7}, tables, 60, seed)
    near = np.linalg.norm((X[:, None] - X[None]) / 3, axis=2) < 0.7
    covered = near[:labelled].any(axis=0)
    free = np.arange(90) >= labelled
    for row, score in zip(picks.ids, picks.scores, strict=True):
        gains = np.where(free, (near & ~covered).sum(axis=1), -1)
        assert gains[row] == gains.max() == score
        covered |= near[row]
        free[row] = False
    assert picks.scores[-1] == 0


@pytest.mark.filterwarnings("ignore:The maximum purity")  # of the radius, which is given
@pytest.mark.parametrize("seed", range(3))
def test_prob_cover_equals_scikit_activeml(seed):
    """Their gains after each of our picks; which of several best it takes is up to chance."""
    pool = pytest.importorskip("skactiveml.pool")
    X = random_unit(80, 4, seed)
    labels = np.full(80, np.nan)
    labels[:3] = 0
    tables = Tables(np.arange(80), X, labelled=np.arange(3))
    picks = query({"sampler": "prob-cover", "radius": 0.6}, tables, 20, seed)
    for row, score in zip(picks.ids, picks.scores, strict=True):
        theirs = pool.ProbCover(n_classes=2, deltas=[0.6], random_state=0)
        gains = theirs.query(X, labels, return_utilities=True)[1][0]
        assert gains[row] == np.nanmax(gains) == score
        labels[row] = 0


def test_prob_cover_takes_one_of_several_best_at_random():
    tables = Tables(np.arange(6), np.eye(6, dtype=np.float32))
    recipe = {"sampler": "prob-cover", "radius": 0.5}
    assert {int(query(recipe, tables, 1, seed).ids[0]) for seed in range(60)} == set(range(6))


def test_prob_cover_starts_in_dense_regions():
    angles = np.concatenate([np.linspace(0, 0.2, 9), np.linspace(2, 2.2, 5), [4.0]])
    X = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    picks = query({"sampler": "prob-cover", "radius": 0.15}, Tables(np.arange(15), X), 4)
    assert 2 <= picks.ids[0] <= 6
    assert picks.scores.tolist() == [9, 5, 1, 0]


@pytest.mark.usefixtures("_blocks")
@pytest.mark.parametrize("purity", [0.5, 0.9, 0.95, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_the_radius_is_the_largest_that_is_pure_enough(purity, seed):
    X = random_unit(80, 4, seed)
    clusters = np.random.default_rng(seed).permutation(np.repeat([0, 1, 2], [50, 20, 10]))
    radius = pure_radius(X, clusters, purity)
    apart = np.linalg.norm(X[:, None].astype(np.float64) - X[None], axis=2)
    impure = clusters[:, None] != clusters

    def share(tried):
        return 1 - ((apart < tried) & impure).any(axis=1).mean()

    assert share(radius - 1e-6) >= purity - 1e-9
    assert share(radius + 1e-6) < purity


def test_the_radius_agrees_with_scikit_activeml():
    pool = pytest.importorskip("skactiveml.pool")
    rng = np.random.default_rng(0)
    X = np.eye(4)[np.repeat([0, 1, 2], 30)] + rng.normal(scale=0.1, size=(90, 4))
    X = (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32)
    radius = pure_radius(X, np.repeat([0, 1, 2], 30), 0.9)
    theirs = pool.ProbCover(
        n_classes=3, alpha=0.9, deltas=radius * np.array([0.9, 0.999, 1.001, 1.1]), random_state=0
    )
    theirs.query(X, np.full(90, np.nan))
    assert theirs.delta_max_ == pytest.approx(0.999 * radius)


@pytest.mark.usefixtures("_blocks")
@pytest.mark.parametrize("purity", [0.5, 0.7, 0.9])
def test_the_radius_is_the_largest_with_enough_neighbours_of_the_same_cluster(purity):
    rng = np.random.default_rng(0)
    clusters = np.repeat([0, 1, 2], [50, 20, 10])
    X = np.eye(4)[clusters] + rng.normal(scale=0.3, size=(80, 4))
    X = (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32)
    radius = neighbour_radius(X, clusters, purity)
    apart = np.linalg.norm(X[:, None].astype(np.float64) - X[None], axis=2)
    np.fill_diagonal(apart, np.inf)

    def share(tried):
        near = apart <= tried
        with_neighbours = near.any(axis=1)
        alike = (near & (clusters[:, None] == clusters)).sum(axis=1)[with_neighbours]
        return (alike / near.sum(axis=1)[with_neighbours]).mean()

    assert share(radius) >= purity
    larger = np.arange(radius + 2 / prob_cover.RADII, 2, 2 / prob_cover.RADII)
    assert all(share(tried) < purity for tried in larger)
    assert 0 < radius < 2


def test_radius_is_unbounded_with_one_cluster():
    assert pure_radius(random_unit(9, 3, 0), np.zeros(9, int), 0.95) == np.inf


def test_prob_cover_says_what_to_do_when_there_are_too_many_pairs(monkeypatch):
    monkeypatch.setattr(prob_cover, "EDGES", 100)
    tables = Tables(np.arange(20), random_unit(20, 3, 0))
    with pytest.raises(ColdstartError, match="smaller `radius`"):
        query({"sampler": "prob-cover", "radius": 1.9}, tables, 3)


def cosine(X):
    return (1 + X @ X.T) / 2


def gaussian(X):
    apart = np.linalg.norm(X[:, None] - X[None], axis=2)
    return np.exp(-((apart / 0.8) ** 2)) / len(X)


COVERING = {
    "facility-location": ({"sampler": "facility-location"}, cosine),
    "max-herding": ({"sampler": "max-herding", "bandwidth": 0.8}, gaussian),
}
"""Samplers that maximise how similar all images are to the picks, and that similarity."""


@pytest.fixture(params=COVERING)
def covering(request):
    return COVERING[request.param]


def plain_greedy(X, similarity, budget, labelled=()):
    """Greedy, with every similarity in memory and every gain computed anew; ties by lowest row."""
    X = X.astype(np.float64) / np.linalg.norm(X.astype(np.float64), axis=1, keepdims=True)
    similar = similarity(X)
    best = np.max(similar[list(labelled)], axis=0, initial=0.0)
    picked, gains = list(labelled), []
    for _ in range(budget):
        rises = np.maximum(similar - best, 0).sum(axis=1)
        rises[picked] = -1
        picked.append(int(np.argmax(rises >= (1 - 1e-5) * rises.max())))
        gains.append(rises.max())
        best = np.maximum(best, similar[picked[-1]])
    return picked[len(labelled) :], gains


@pytest.mark.usefixtures("_blocks")
@pytest.mark.parametrize("pairs", [2**26, 2000, 0])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("labelled", [0, 6])
def test_lazy_greedy_equals_plain_greedy(covering, seed, labelled, pairs, monkeypatch):
    """With pairs from the start, after some picks, and never."""
    monkeypatch.setattr(coverage, "PAIRS", pairs)
    monkeypatch.setattr(coverage, "FIRST", 1)
    made = []
    monkeypatch.setattr(coverage, "Nearer", lambda *args: made.append(0) or Nearer(*args))
    X = random_unit(150, 6, seed) * np.random.default_rng(seed).gamma(3, size=(150, 1))
    tables = Tables(np.arange(150), X.astype(np.float32), labelled=np.arange(labelled))
    recipe, similarity = covering
    picks = query(recipe, tables, 70)
    plain, gains = plain_greedy(X, similarity, 70, range(labelled))
    assert len(made) == (pairs > 0)
    assert picks.ids.tolist() == plain
    np.testing.assert_allclose(picks.scores, gains, rtol=1e-4)


def test_lazy_greedy_reevaluates_few_candidates(covering, monkeypatch):
    looks = []
    gains = coverage._gains

    def counted(X, highest, rows, similarity):
        looks.append(len(rows))
        return gains(X, highest, rows, similarity)

    monkeypatch.setattr(coverage, "_gains", counted)
    monkeypatch.setattr(coverage, "PAIRS", 0)
    query(covering[0], Tables(np.arange(600), random_unit(600, 4, 0)), 100)
    assert 0 < sum(looks) < 0.2 * 600 * 100


@pytest.mark.parametrize("bandwidth", [0.5, 1.0])
def test_max_herding_equals_scikit_activeml(bandwidth):
    """Their gains after each of our picks: theirs average over the unlabelled images alone."""
    pool = pytest.importorskip("skactiveml.pool")
    X = random_unit(80, 4, 0)
    recipe = {"sampler": "max-herding", "bandwidth": bandwidth}
    picks = query(recipe, Tables(np.arange(80), X), 12)
    labels = np.full(80, np.nan)
    for row in picks.ids:
        theirs = pool.MaxHerding(
            metric="rbf", metric_dict={"gamma": 1 / bandwidth**2}, random_state=0
        )
        gains = theirs.query(X, labels, return_utilities=True)[1][0]
        assert gains[row] == pytest.approx(np.nanmax(gains), rel=1e-5)
        labels[row] = 0


def test_one_of_each_group_is_taken(covering):
    angles = np.concatenate(
        [np.linspace(0, 0.4, 7), np.linspace(2, 2.4, 5), np.linspace(4, 4.4, 3)]
    )
    X = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    picks = query(covering[0], Tables(np.arange(15), X), 3)
    groups = np.repeat([0, 1, 2], [7, 5, 3])[picks.ids]
    assert sorted(groups.tolist()) == [0, 1, 2]
    assert (np.diff(picks.scores) < 0).all()
