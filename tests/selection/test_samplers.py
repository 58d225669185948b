"""Properties that every sampler must have. A new sampler joins with one line in CASES."""

import numpy as np
import pytest

from coldstart.common.errors import ColdstartError
from coldstart.selection.base import COLUMNS, KNOWN, SAMPLERS, Known, Tables
from coldstart.selection.samplers import kmeans, stratified
from coldstart.selection.samplers.clustering import k_means
from coldstart.selection.select import fitting, select

CASES = {
    "random": {"sampler": "random"},
    "kmeans": {"sampler": "kmeans", "clusters": 4},
    "by-score, mean": {"sampler": "by-score", "score": "loss", "statistic": "mean"},
    "by-score, var": {"sampler": "by-score", "score": "loss", "statistic": "var"},
    "k-centre": {"sampler": "k-centre"},
    "k-means-pp": {"sampler": "k-means-pp"},
    "k-medoids": {"sampler": "k-medoids"},
    "typiclust": {"sampler": "typiclust"},
    "prob-cover": {"sampler": "prob-cover", "clusters": 3},
    "prob-cover, neighbours": {
        "sampler": "prob-cover",
        "clusters": 3,
        "rule": "neighbours",
        "purity": 0.8,
    },
    "prob-cover, one radius": {"sampler": "prob-cover", "radius": 0.8},
    "facility-location": {"sampler": "facility-location"},
    "max-herding": {"sampler": "max-herding"},
    "centroid": {"sampler": "centroid"},
    "disagreement, bald": {"sampler": "disagreement", "measure": "bald"},
    "disagreement, votes": {"sampler": "disagreement", "measure": "variation-ratio"},
    "stratified-kmeans": {"sampler": "stratified-kmeans", "clusters": 4, "allocation": "equal"},
    "stratified-clusters": {"sampler": "stratified-clusters", "allocation": "proportional"},
    "least-confidence": {"sampler": "uncertainty", "measure": "least-confidence"},
    "min-margin": {"sampler": "uncertainty", "measure": "margin"},
    "max-entropy": {"sampler": "uncertainty", "measure": "entropy"},
    "learner-score": {"sampler": "learner-score", "order": "lowest"},
    "score-bins": {"sampler": "score-bins", "score": "loss", "statistic": "mean", "bins": 3},
    "class-mean": {"sampler": "class-mean"},
    "weibull": {"sampler": "weibull"},
    "weibull, least": {"sampler": "weibull", "distance": "euclidean", "first": "least-outlying"},
}


def build(recipe):
    return SAMPLERS.adapter().validate_python(recipe)


@pytest.fixture(params=CASES)
def sampler(request):
    return build(CASES[request.param])


def make_tables(count=60, dim=5, seed=0, **extra):
    rng = np.random.default_rng(seed)
    return Tables(
        ids=rng.choice(10_000, size=count, replace=False),
        embeddings=rng.normal(size=(count, dim)).astype(np.float32),
        scores=rng.gamma(2.0, size=(count, 5)),
        clusters=rng.integers(4, size=count),
        predictions=rng.dirichlet(np.ones(3), size=count),
        votes=rng.dirichlet(np.ones(3), size=(count, 4)),
        **extra,
    )


def known_of(tables):
    """The labelled candidates, half of them of the class that is predicted."""
    ids = np.sort(tables.ids[~tables.left])
    rows = tables.rows(np.argsort(tables.ids))
    likeliest = rows.predictions[np.isin(rows.ids, ids)].argmax(axis=1)
    return Known(ids, np.where(np.arange(len(ids)) % 2, likeliest, 0))


def query(sampler, tables, budget, seed=0):
    known = known_of(tables) if KNOWN in sampler.reads and "predictions" in tables.columns else None
    return sampler.query(tables, budget, np.random.default_rng(seed), known)


def test_every_sampler_is_under_this_template():
    assert {build(recipe).__class__ for recipe in CASES.values()} == set(SAMPLERS.classes())


@pytest.mark.parametrize("budget", [1, 2, 17, 60])
def test_picks_are_distinct_and_as_many_as_asked_for(sampler, budget):
    tables = make_tables()
    picks = query(sampler, tables, budget)
    assert picks.ids.shape == picks.scores.shape == (budget,)
    assert len(set(picks.ids.tolist())) == budget
    assert set(picks.ids.tolist()) <= set(tables.ids.tolist())


def test_nothing_that_has_a_label_is_picked(sampler):
    tables = make_tables(labelled=make_tables().ids[::2])
    assert not set(query(sampler, tables, 30).ids.tolist()) & set(tables.labelled.tolist())


def test_labels_outside_of_the_candidates_do_not_matter(sampler):
    plain = query(sampler, make_tables(), 20)
    marked = query(sampler, make_tables(labelled=np.array([10_001])), 20)
    np.testing.assert_array_equal(plain.ids, marked.ids)


@pytest.mark.parametrize("budget", [0, -1, 61])
def test_a_budget_that_does_not_fit_is_an_error(sampler, budget):
    with pytest.raises(ColdstartError, match="budget"):
        query(sampler, make_tables(), budget)


def test_the_same_seed_gives_the_same_picks(sampler):
    first, again = (query(sampler, make_tables(), 20, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.ids, again.ids)
    np.testing.assert_array_equal(first.scores, again.scores)


def test_another_seed_gives_other_picks_of_stochastic_samplers(sampler):
    labelled = make_tables().ids[::2] if KNOWN in sampler.reads else None
    tables = make_tables(labelled=labelled)
    first, other = (query(sampler, tables, 20, seed=seed) for seed in (3, 4))
    assert np.array_equal(first.ids, other.ids) != sampler.stochastic


def test_the_order_of_the_rows_does_not_matter(sampler):
    tables = make_tables()
    mixed = tables.rows(np.random.default_rng(9).permutation(len(tables.ids)))
    np.testing.assert_array_equal(query(sampler, tables, 20).ids, query(sampler, mixed, 20).ids)


def test_picks_of_nested_samplers_begin_with_those_of_smaller_budgets(sampler):
    whole = query(sampler, make_tables(), 60)
    for budget in (1, 7, 30):
        prefix = np.array_equal(query(sampler, make_tables(), budget).ids, whole.ids[:budget])
        assert prefix or not sampler.nested


def test_scores_of_picks_vary(sampler):
    tables = make_tables(labelled=make_tables().ids[::2])
    assert np.unique(query(sampler, tables, 30).scores).size > 1


def test_sampler_works_with_the_tables_that_it_declares(sampler):
    tables = make_tables()
    given = {name: getattr(tables, name) for name in sampler.reads - {KNOWN}}
    picks = query(sampler, Tables(tables.ids, **given), 20)
    np.testing.assert_array_equal(picks.ids, query(sampler, tables, 20).ids)


def test_missing_table_is_named(sampler):
    tables = make_tables()
    for name in sampler.reads:
        given = {one: getattr(tables, one) for one in sampler.reads - {name, KNOWN}}
        known = None if name == KNOWN else known_of(tables)
        with pytest.raises(ColdstartError, match=f"reads {name}, but got none"):
            sampler.query(Tables(tables.ids, **given), 20, np.random.default_rng(0), known)


def test_values_that_are_not_finite_are_refused(sampler):
    for name in sampler.reads - {"clusters", KNOWN}:
        tables = make_tables()
        getattr(tables, name)[0, 0] = np.nan
        with pytest.raises(ColdstartError, match="non-finite"):
            query(sampler, tables, 20)


def test_identical_candidates_are_accepted(sampler):
    tables = Tables(
        np.arange(20),
        embeddings=np.ones((20, 3), np.float32),
        scores=np.ones((20, 5)),
        clusters=np.zeros(20, dtype=np.int64),
        predictions=np.full((20, 4), 0.25),
        votes=np.full((20, 3, 4), 0.25),
    )
    assert len(set(query(sampler, tables, 20).ids.tolist())) == 20


# Picks of each sampler on toys whose answer is known.


def test_random_picks_every_candidate_equally_often():
    tables = make_tables(count=10)
    counts = np.zeros(10)
    for seed in range(3000):
        counts += np.isin(tables.ids, query(build(CASES["random"]), tables, 3, seed).ids)
    # 3,000 draws of 3 of 10: mean 900, standard deviation 25.
    assert abs(counts - 900).max() < 110


@pytest.mark.slow
def test_kmeans_picks_every_cluster_equally_often():
    sizes = [5, 20, 75]
    centres = np.repeat(np.eye(3, dtype=np.float32) * 10, sizes, axis=0)
    noise = np.random.default_rng(0).normal(scale=0.1, size=centres.shape)
    tables = Tables(np.arange(100), (centres + noise).astype(np.float32))
    sampler = build({"sampler": "kmeans", "clusters": 3, "restarts": 2})
    first = np.array([query(sampler, tables, 1, seed).ids[0] for seed in range(450)])
    counts = np.bincount(np.repeat([0, 1, 2], sizes)[first])
    # 450 first picks: mean 150 per cluster, standard deviation 10.
    assert abs(counts - 150).max() < 45


@pytest.mark.slow
def test_kmeans_draws_without_replacement_as_numpy_does():
    weights = np.array([0.5, 0.3, 0.1, 0.1])
    embeddings = np.eye(4, dtype=np.float32)
    sampler = build({"sampler": "kmeans", "clusters": 4, "restarts": 1})
    # Four clusters of one image each have equal weights; two images in one cluster halve theirs.
    embeddings[3] = embeddings[2]
    weights = np.array([1, 1, 0.5, 0.5]) / 3
    tables = Tables(np.arange(4), embeddings)
    ours = np.array([query(sampler, tables, 2, seed).ids for seed in range(1500)])
    rng = np.random.default_rng(0)
    theirs = np.array([rng.choice(4, 2, replace=False, p=weights) for _ in range(6000)])
    for a in range(4):
        for b in range(4):
            share = [np.mean((pairs == (a, b)).all(axis=1)) for pairs in (ours, theirs)]
            assert abs(share[0] - share[1]) < 0.05


@pytest.mark.parametrize(("statistic", "expected"), [("mean", [3, 1, 0, 2]), ("var", [0, 1, 2, 3])])
def test_by_score_takes_the_highest_first(statistic, expected):
    scores = np.array([[0.0, 4.0], [1.5, 3.5], [1.0, 2.0], [9.0, 9.0]])
    sampler = build({"sampler": "by-score", "score": "loss", "statistic": statistic})
    picks = query(sampler, Tables(np.arange(4), scores=scores), 4)
    assert picks.ids.tolist() == expected
    assert picks.scores.tolist() == sorted(picks.scores, reverse=True)


def test_score_bins_take_hard_images_and_of_the_last_bin_easy_ones():
    scores = np.array([[5.0], [9], [1], [8], [2], [7], [3], [6], [4]])
    sampler = build(CASES["score-bins"])
    picks = query(sampler, Tables(np.arange(9), scores=scores), 8)
    # Sorted: 9 8 7 | 6 5 4 | 3 2 1, by turns from each bin, from the last one upwards.
    assert picks.scores.tolist() == [9, 6, 1, 8, 5, 2, 7, 4]
    assert scores[picks.ids, 0].tolist() == picks.scores.tolist()


@pytest.mark.parametrize("bins", [2, 5, 10])
def test_score_bins_equal_the_paper_where_numbers_divide(bins):
    tables = make_tables(count=100)
    sampler = build({**CASES["score-bins"], "bins": bins, "statistic": "var"})
    order = np.argsort(-tables.scores.var(axis=1)).reshape(bins, -1)
    share = 20 // bins
    expected = {*order[:-1, :share].ravel(), *order[-1, -share:]}
    assert set(query(sampler, tables, 20).ids) == set(tables.ids[list(expected)])


def plain_k_centre(X, start, budget):
    """The definition, with every distance computed anew."""
    picked = [start]
    while len(picked) < budget:
        distances = np.linalg.norm(X[:, None] - X[picked][None], axis=2).min(axis=1)
        picked.append(int(distances.argmax()))
    return picked


@pytest.mark.parametrize("seed", range(5))
def test_k_centre_equals_its_definition(seed):
    tables = make_tables(count=200, dim=8, seed=seed)
    order = np.argsort(tables.ids)
    picks = query(build(CASES["k-centre"]), tables, 50, seed)
    start = int(np.flatnonzero(tables.ids[order] == picks.ids[0])[0])
    plain = plain_k_centre(tables.embeddings[order].astype(np.float64), start, 50)
    np.testing.assert_array_equal(picks.ids, tables.ids[order][plain])
    radii = picks.scores[1:]
    assert (np.diff(radii) <= 1e-5).all()


def test_k_centre_goes_from_corner_to_corner():
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1], [0.5, 0.5]], dtype=np.float32)
    sampler = build(CASES["k-centre"])
    for seed in range(10):
        ids = query(sampler, Tables(np.arange(5), corners), 3, seed).ids.tolist()
        if ids[0] != 4:
            assert ids[1] == 3 - ids[0]


@pytest.mark.parametrize("seed", range(3))
def test_k_centre_starts_from_the_labelled_set(seed):
    """Picked in two cycles, the first one's picks labelled, or all at once: the same images."""
    tables = make_tables(count=200, dim=8, seed=seed)
    sampler = build(CASES["k-centre"])
    whole = query(sampler, tables, 40, seed)
    later = make_tables(count=200, dim=8, seed=seed, labelled=whole.ids[:15])
    picks = query(sampler, later, 25, seed=99)
    np.testing.assert_array_equal(picks.ids, whole.ids[15:])
    np.testing.assert_allclose(picks.scores, whole.scores[15:], rtol=1e-4)


@pytest.mark.parametrize("name", ["kmeans", "stratified-kmeans"])
def test_clusters_are_of_all_images_in_the_order_of_their_ids(name, monkeypatch):
    seen = []

    def watched(X, *args):
        seen.append(X)
        return k_means(X, *args)

    for module in (kmeans, stratified):
        monkeypatch.setattr(module, "k_means", watched)
    for labelled in (None, make_tables().ids[::3]):
        query(build(CASES[name]), make_tables(labelled=labelled), 10)
    tables = make_tables()
    for X in seen:
        np.testing.assert_array_equal(X, tables.embeddings[np.argsort(tables.ids)])
    assert len(seen) == 2


def test_tables_are_merged_in_the_order_of_their_ids():
    tables = make_tables(labelled=make_tables().ids[::3])
    merged = tables.rows(np.arange(60)[::3]).merged(tables.rows(np.arange(1, 60, 3)))
    assert merged.ids.tolist() == sorted([*tables.ids[::3], *tables.ids[1::3]])
    for name, values in merged.columns.items():
        whole = dict(zip(tables.ids, getattr(tables, name), strict=True))
        np.testing.assert_array_equal(values, [whole[number] for number in merged.ids])
    assert set(merged.columns) == set(COLUMNS)
    assert set(merged.ids[~merged.left]) == set(tables.ids[::3])


def test_nothing_left_to_pick_is_an_error_with_a_remedy():
    tables = make_tables(count=10, labelled=make_tables(count=10).ids)
    with pytest.raises(ColdstartError, match="all 10 images that could be read have a label") as e:
        fitting([3, 8], tables, "cut")
    assert "`labelled`" in str(e.value)


def test_budget_is_cut_to_the_remaining_candidates_only_if_asked():
    tables = make_tables(count=10, labelled=make_tables(count=10).ids[:4])
    assert fitting([3, 6, 8], tables, "cut") == {3: 3, 6: 6, 8: 6}
    assert fitting([3, 8], tables, "refuse") == {3: 3, 8: 8}
    picked = select(build(CASES["random"]), tables, {3: 3, 8: 6}, [(0, 0)])
    assert picked.groupby("budget")["rank"].agg(list).to_dict() == {3: [0, 1, 2], 8: [*range(6)]}
