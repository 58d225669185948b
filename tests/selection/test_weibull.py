"""Weibull tails against libmr's numbers and SciPy's fit, and the samplers on toys."""

import numpy as np
import pytest
from scipy.stats import weibull_min

from coldstart.selection.base import Known, Tables
from coldstart.selection.samplers.class_mean import ClassMean, class_distances
from coldstart.selection.samplers.weibull import WeibullOutliers
from coldstart.selection.weibull import Weibull, fit_tail

A = np.arange(1, 11) / 10
B = [.05, .07, .11, .13, .17, .19, .23, .29, .31, .37, .41, .43, .47, .53, .59]  # fmt: skip
C = [1, 1.5, 1.5, 2, 2.2, 3.1, 3.9, 4.8, 6, 9.7, 12.5, 20]
AT_A, AT_B, AT_C = [0, .5, .75, .95, 1, 1.2, 1.5], [.05, .37, .5, .59, .7, 1], [1, 4.8, 5.5, 6, 9.7, 12.5, 20, 30]  # fmt: skip # noqa: E501

# Computed with libmr 0.1.9: distances, tail, smallest, scale, shape, x, p.
GOLDEN = [
    (A, 5, .6, 1.26325431, 9.68578849, AT_A,
     [.000015, .036785, .331429, .850832, .933204, .999948, 1.0]),
    (A, 10, .1, 1.56850744, 5.77548390, AT_A,
     [.039623, .404716, .738106, .925300, .951504, .995458, .999991]),
    (B, 5, .41, 1.10816459, 17.03380772, AT_B, [.000087, .083087, .529816, .945798, .999998, 1.0]),
    (B, 10, .19, 1.24771277, 10.7662082, AT_B, [.018033, .422133, .815402, .968414, .999590, 1.0]),
    (C, 4, 6, 7.61890884, 1.30226377, AT_C,
     [0, 0, .028398, .068581, .413205, .624585, .910735, .990898]),
    (C, 8, 2.2, 7.03178189, 1.20712582, AT_C,
     [0, .359604, .424366, .467786, .715556, .830160, .962281, .995850]),
    ([.1, .1, .1, .2, .2], 5, .1, 1.06417110, 22.98916565, [], []),
    ([-3, -2, -1, 0, 1], 5, -3, 3.39428940, 2.29380146, [], []),
]  # fmt: skip


@pytest.mark.parametrize(("distances", "size", "smallest", "scale", "shape", "x", "p"), GOLDEN)
def test_fits_have_libmr_s_numbers(distances, size, smallest, scale, shape, x, p):
    found = fit_tail(np.array(distances, dtype=float), size)
    assert found.smallest == smallest
    np.testing.assert_allclose([found.scale, found.shape], [scale, shape], rtol=1e-5)
    np.testing.assert_allclose(found.probabilities(np.array(x)), p, atol=1e-5)


@pytest.mark.parametrize("seed", range(20))
def test_fits_are_as_likely_as_scipy_s(seed):
    """The likelihood is no lower than that of SciPy's simplex, and falls to all sides."""
    rng = np.random.default_rng(seed)
    distances = rng.gamma(rng.uniform(0.5, 5), 10.0 ** rng.uniform(-3, 2), size=200)
    size = int(rng.integers(3, 60))
    found = fit_tail(distances, size)
    t = np.sort(distances)[-size:] + 1 - found.smallest
    shape, _, scale = weibull_min.fit(t, floc=0)

    def likelihood(shape, scale):
        return weibull_min.logpdf(t, shape, scale=scale).sum()

    best = likelihood(found.shape, found.scale)
    assert best >= likelihood(shape, scale) - 1e-9
    for factor in (0.999, 1.001):
        assert best > likelihood(found.shape * factor, found.scale)
        assert best > likelihood(found.shape, found.scale * factor)


@pytest.mark.parametrize("tail", [[0.5, 0.5, 0.5], [0.7], [], [0.5, 0.5, 0.5 + 1e-12]])
def test_tails_that_no_shape_fits_have_no_distribution(tail):
    assert fit_tail(np.array(tail), len(tail)) is None


def test_outlying_orders_as_the_probabilities_do_and_goes_on_where_they_are_one():
    fitted = fit_tail(A, 5)
    x = np.linspace(-1, 3, 400)
    p, outlying = fitted.probabilities(x), fitted.outlying(x)
    inside = (p > 0) & (p < 1 - 1e-9)
    np.testing.assert_allclose(outlying[inside], np.log(-np.log1p(-p[inside])), atol=1e-5)
    assert (np.diff(p[x > 1.5]) == 0).all()
    assert (np.diff(outlying[x > -0.4]) > 0).all()
    assert (outlying[x < -0.4] == -np.inf).all()  # smallest - 1


# --- Samplers ---

CENTRES = np.array([[5.0, 0], [-3, 4], [-3, -4]], dtype=np.float32)


def toy(labelled=10, spread=0.05, wrong=(), seed=0):
    """Three tight clusters of 30 images, the first ``labelled`` of each known, and a far one.

    The far image, number 90, is taken for class 0. The labelled images ``wrong`` are taken for the
    class after their own.
    """
    rng = np.random.default_rng(seed)
    classes = np.repeat([0, 1, 2], 30)
    embeddings = CENTRES[classes] + rng.normal(scale=spread, size=(90, 2))
    ids = np.flatnonzero(np.arange(90) % 30 < labelled)
    taken = np.append(classes, 0)
    taken[list(wrong)] = (taken[list(wrong)] + 1) % 3
    tables = Tables(
        np.arange(91),
        embeddings=np.vstack([embeddings, [[-1, 0.1]]]).astype(np.float32),
        predictions=np.eye(3)[taken] * 0.7 + 0.1,
        labelled=ids,
    )
    return tables, Known(ids, classes[ids])


def pick(sampler, tables, known, budget=None):
    budget = budget or int(tables.left.sum())
    return sampler.query(tables, budget, np.random.default_rng(0), known)


def weibull(**settings):
    return WeibullOutliers(sampler="weibull", **settings)


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
@pytest.mark.parametrize("tail_of", ["correct", "labelled"])
def test_a_far_image_comes_first_or_as_the_code_has_it_last(distance, tail_of):
    for first, place in (("most-outlying", 0), ("least-outlying", -1)):
        sampler = weibull(distance=distance, first=first, tail_of=tail_of)
        picks = pick(sampler, *toy())
        assert picks.ids[place] == 90
        rising = np.diff(picks.scores) if first == "least-outlying" else -np.diff(picks.scores)
        assert not np.nanmin(rising) < 0


@pytest.mark.parametrize("first", ["nearest", "farthest"])
def test_class_means_order_by_the_distance_alone(first):
    tables, known = toy(wrong=[0, 1, 31])
    sampler = ClassMean(sampler="class-mean", distance="euclidean", first=first)
    picks = pick(sampler, tables, known)
    expected = []
    for row in np.flatnonzero(tables.left):
        one = int(tables.predictions[row].argmax())
        right = [i for i in known.ids if i // 30 == one and i not in (0, 1, 31)]
        expected.append(np.linalg.norm(tables.embeddings[row] - tables.embeddings[right].mean(0)))
    order = np.argsort(expected if first == "nearest" else -np.array(expected))
    assert picks.ids.tolist() == np.flatnonzero(tables.left)[order].tolist()
    np.testing.assert_allclose(picks.scores, np.array(expected)[order], atol=1e-6)
    assert (picks.ids[-1 if first == "nearest" else 0]) == 90


def test_scores_are_those_of_a_fit_of_each_class_done_by_hand():
    tables, known = toy(labelled=20, spread=1.0, wrong=[3, 4, 40])
    picks = pick(weibull(tail=0.5), tables, known)
    for number, score in zip(picks.ids, picks.scores, strict=True):
        one = int(tables.predictions[number].argmax())
        right = [i for i in known.ids if i // 30 == one and i not in (3, 4, 40)]
        points = tables.embeddings[right].astype(float)
        mean = points.mean(0)

        def cosine(x, mean=mean):
            return 1 - x @ mean / np.linalg.norm(x) / np.linalg.norm(mean)

        distances = np.array([cosine(x) for x in points])
        fitted = fit_tail(distances, int(0.5 * len(right)))
        assert fitted is not None
        there = cosine(tables.embeddings[number].astype(float))
        np.testing.assert_allclose(score, fitted.outlying(np.array([there]))[0], atol=1e-3)


def test_the_tail_of_a_mixed_pool_is_a_share_of_all_labels():
    tables, known = toy(labelled=20, spread=1.0, wrong=range(8))  # 12 of class 0 are right
    found = class_distances_of(tables, known)
    for tail_of, size in (("correct", 6), ("labelled", 10)):
        sampler = weibull(tail=0.5, tail_of=tail_of)
        picks = pick(sampler, tables, known)
        fitted = fit_tail(found.labelled[found.correct == 0], size)
        of_class = np.isin(picks.ids, np.arange(20, 30))
        ids = np.flatnonzero(tables.left)
        expected = fitted.outlying(found.candidates[np.searchsorted(ids, picks.ids[of_class])])
        np.testing.assert_allclose(picks.scores[of_class], expected)


def class_distances_of(tables, known):
    seen = []

    class Watched(ClassMean):
        def _pick(self, query):
            seen.append(class_distances(query, "cosine"))
            return super()._pick(query)

    pick(Watched(sampler="class-mean"), tables, known)
    return seen[0]


@pytest.mark.parametrize("right", [0, 1, 2])
def test_a_class_with_few_correct_images_is_judged_by_all_classes_together(right):
    """Class 0 has ten labelled images, of which ``right`` are classified rightly; others all."""
    tables, known = toy(spread=0.5, wrong=range(right, 10))
    picks = pick(weibull(distance="euclidean"), tables, known)
    assert np.isfinite(picks.scores[picks.scores > -np.inf]).all()
    means = {one: tables.embeddings[30 * one : 30 * one + 10].mean(0) for one in (1, 2)}
    apart = {
        one: np.linalg.norm(tables.embeddings[30 * one : 30 * one + 10] - mean, axis=1)
        for one, mean in means.items()
    }
    if right:
        means[0] = tables.embeddings[:right].mean(0)
        apart[0] = np.linalg.norm(tables.embeddings[:right] - means[0], axis=1)
    pooled = fit_tail(np.concatenate(list(apart.values())).astype(float), 3)
    far = tables.embeddings[90]
    to = [np.linalg.norm(far - means[0])] if right else [
        np.linalg.norm(far - mean) for mean in means.values()
    ]  # fmt: skip
    score = picks.scores[picks.ids == 90]
    np.testing.assert_allclose(score, pooled.outlying(np.array([min(to)])), rtol=1e-3)


def test_equal_distances_fall_back_to_the_distance_itself():
    """All labelled images of a class are the same one: no tail can be fitted anywhere."""
    tables, known = toy(spread=0.0)
    for first, place in (("most-outlying", 0), ("least-outlying", -1)):
        picks = pick(weibull(first=first), tables, known)
        assert not np.isnan(picks.scores).any()
        assert picks.ids[place] == 90
        np.testing.assert_allclose(picks.scores[place], np.log1p(1 - np.cos(np.arctan2(0.1, -1))))


def test_without_any_correct_image_chance_decides():
    tables, known = toy(wrong=range(90))
    picks = [
        weibull().query(tables, 20, np.random.default_rng(seed), known).ids.tolist()
        for seed in (0, 0, 1)
    ]
    assert picks[0] == picks[1] != picks[2]
    assert picks[0] != sorted(picks[0])


def test_scores_that_are_equal_at_nought_are_ordered_by_the_distance():
    """Euclidean distances below smallest - 1 all have the probability nought."""
    tables, known = toy(spread=6.0, seed=4)
    picks = pick(weibull(distance="euclidean", tail=0.2), tables, known)
    inside = picks.scores == -np.inf
    assert inside.sum() > 5
    assert (np.diff(inside.astype(int)) >= 0).all()  # they come last
    again = pick(weibull(distance="euclidean", tail=0.2, first="least-outlying"), tables, known)
    assert again.ids[: inside.sum()].tolist() == picks.ids[inside].tolist()[::-1]


def test_the_order_of_equal_images_is_by_chance_and_not_by_their_number():
    tables, known = toy()
    tables.columns["embeddings"][89] = tables.embeddings[88]
    order = [
        int(np.flatnonzero(np.isin(
            weibull().query(tables, 61, np.random.default_rng(seed), known).ids, [88, 89]
        ))[0])
        for seed in range(10)
    ]  # fmt: skip
    assert len(set(order)) == 1  # the two share their places
    first = [
        weibull().query(tables, 61, np.random.default_rng(seed), known).ids[order[0]]
        for seed in range(10)
    ]
    assert set(first) == {88, 89}


def test_a_tight_class_outranks_a_loose_one_at_the_same_distance():
    tight, loose = (fit_tail(A * factor, 10) for factor in (0.1, 10.0))
    assert tight.outlying(np.array([1.0])) > loose.outlying(np.array([1.0]))


def test_no_shape_is_too_large_to_order_by():
    fitted = Weibull(smallest=1.0, scale=1.0 + 1e-7, shape=1e7)
    assert (np.diff(fitted.outlying(np.array([1.5, 2.0, 9.0]))) > 0).all()
