"""Samplers that take images from clusters, against plain definitions and toys."""

import numpy as np
import pytest

from coldstart.selection.base import SAMPLERS, Tables
from coldstart.selection.samplers import k_medoids, similarity
from coldstart.selection.samplers.clustering import distinct_rows, k_means, many_means
from coldstart.selection.samplers.typiclust import typicality


def query(recipe, tables, budget, seed=0):
    sampler = SAMPLERS.adapter().validate_python(recipe)
    return sampler.query(tables, budget, np.random.default_rng(seed))


def blobs(sizes, seed=0, spread=0.05):
    """Clusters far from each other: embeddings of length 1, and the cluster of each."""
    rng = np.random.default_rng(seed)
    clusters = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    X = np.eye(len(sizes) + 1)[clusters] + rng.normal(scale=spread, size=(len(clusters), 1))
    X += rng.normal(scale=spread, size=X.shape)
    return (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32), clusters


def plain_typicality(X, neighbours):
    """The definition, one image at a time."""
    found = []
    for row in range(len(X)):
        apart = np.sort(np.linalg.norm(np.delete(X, row, axis=0) - X[row], axis=1))
        found.append(1 / apart[:neighbours].mean())
    return np.array(found)


@pytest.mark.parametrize("count", [2, 10, 21, 60])
@pytest.mark.parametrize("block", [2**24, 100])
def test_typicality_equals_its_definition(count, block, monkeypatch):
    monkeypatch.setattr(similarity, "BLOCK", block)
    X = np.random.default_rng(count).normal(size=(count, 4)).astype(np.float32)
    np.testing.assert_allclose(typicality(X, 20), plain_typicality(X, 20), rtol=1e-5)


def test_single_image_has_typicality_zero():
    assert typicality(np.ones((1, 3), np.float32), 20).tolist() == [0.0]


def test_typiclust_takes_the_most_typical_image_of_the_largest_clusters():
    X, clusters = blobs([30, 12, 20, 25])
    picks = query({"sampler": "typiclust", "neighbours": 7}, Tables(np.arange(len(X)), X), 4)
    assert clusters[picks.ids].tolist() == [0, 3, 2, 1]
    for row, score in zip(picks.ids, picks.scores, strict=True):
        among = np.flatnonzero(clusters == clusters[row])
        plain = plain_typicality(X[among], 7)
        assert row == among[plain.argmax()]
        assert score == pytest.approx(plain.max(), rel=1e-4)


def test_typiclust_skips_clusters_that_have_a_label():
    X, clusters = blobs([30, 12, 20])
    tables = Tables(np.arange(len(X)), X, labelled=np.flatnonzero(clusters == 0)[:1])
    picks = query({"sampler": "typiclust"}, tables, 2)
    assert clusters[picks.ids].tolist() == [2, 1]


def test_typiclust_returns_to_the_first_cluster_after_the_last():
    X, clusters = blobs([30, 20])
    recipe = {"sampler": "typiclust", "max_clusters": 2, "neighbours": 7}
    picks = query(recipe, Tables(np.arange(len(X)), X), 5)
    assert clusters[picks.ids].tolist() == [0, 1, 0, 1, 0]
    among = np.flatnonzero(clusters == 0)
    best = among[np.argsort(-plain_typicality(X[among], 7))[:3]]
    assert picks.ids[::2].tolist() == best.tolist()


def test_typiclust_leaves_out_small_clusters_until_nothing_else_is_left():
    X, clusters = blobs([30, 4, 20])
    tables = Tables(np.arange(len(X)), X)
    recipe = {"sampler": "typiclust", "max_clusters": 3}
    assert clusters[query(recipe, tables, 3).ids].tolist() == [0, 2, 0]
    picks = query(recipe, tables, len(X))
    assert (clusters[picks.ids[-4:]] == 1).all()


@pytest.mark.parametrize("seed", range(5))
def test_typiclust_equals_scikit_activeml(seed):
    pool = pytest.importorskip("skactiveml.pool")
    X, clusters = blobs([30, 12, 22, 26, 9], seed)
    labels = np.full(len(X), np.nan)
    labelled = np.flatnonzero(clusters == 3)[:1]
    labels[labelled] = 0
    theirs = pool.TypiClust(random_state=seed, k=20, cluster_algo_dict={"n_init": 10})
    tables = Tables(np.arange(len(X)), X, labelled=labelled)
    ours = query({"sampler": "typiclust"}, tables, 4, seed)
    assert ours.ids.tolist() == theirs.query(X, labels, batch_size=4).tolist()


@pytest.mark.parametrize("clusters", [4, 60])
def test_many_means_finds_separated_clusters(clusters):
    X, truth = blobs([20] * clusters)
    found = many_means(X, clusters, np.random.default_rng(0))
    pairs = set(zip(found.tolist(), truth.tolist(), strict=True))
    assert len(set(found.tolist())) >= 0.8 * clusters  # mini-batches may join some
    assert len(pairs) <= 1.2 * clusters


def test_k_means_has_at_most_as_many_clusters_as_different_images():
    X = np.repeat(np.eye(3, dtype=np.float32), 4, axis=0)
    assert sorted(set(k_means(X, 8, np.random.default_rng(0)).tolist())) == [0, 1, 2]


def stratify(sizes, allocation, budget, labelled=(), seed=0):
    """The number of picks of each cluster."""
    clusters = np.repeat(np.arange(len(sizes)), sizes) + 7  # an encoder's numbers may have gaps
    first = np.cumsum([0, *sizes[:-1]])
    known = [first[cluster] + i for cluster, many in enumerate(labelled) for i in range(many)]
    tables = Tables(np.arange(len(clusters)), clusters=clusters, labelled=np.array(known, int))
    recipe = {"sampler": "stratified-clusters", "allocation": allocation}
    ids = query(recipe, tables, budget, seed).ids
    return np.bincount(clusters[ids] - 7, minlength=len(sizes)).tolist()


def test_stratified_picks_equally_many_of_each_cluster():
    assert stratify([50, 20, 30], "equal", 30) == [10, 10, 10]
    for seed in range(5):
        assert sorted(stratify([50, 20, 30], "equal", 32, seed=seed)) == [10, 11, 11]


def test_stratified_picks_make_up_for_clusters_that_are_too_small():
    assert stratify([2, 50, 50], "equal", 30) == [2, 14, 14]
    assert stratify([2, 5, 50], "equal", 57) == [2, 5, 50]


def test_stratified_picks_count_what_is_labelled():
    assert stratify([50, 50, 50], "equal", 20, labelled=[10, 0, 0]) == [0, 10, 10]
    assert stratify([60, 30, 10], "proportional", 40, labelled=[0, 10, 0]) == [30, 5, 5]


@pytest.mark.parametrize("seed", range(20))
def test_proportional_picks_are_the_rounded_share_of_each_cluster(seed):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(3, 200, size=rng.integers(2, 12)).tolist()
    budget = int(rng.integers(1, sum(sizes)))
    found = np.array(stratify(sizes, "proportional", budget))
    shares = budget * np.array(sizes) / sum(sizes)
    assert found.sum() == budget
    assert (np.abs(found - shares) < 1).all()


def test_proportional_shares_that_are_whole_numbers_are_exact():
    assert stratify([50, 20, 30], "proportional", 10) == [5, 2, 3]
    assert stratify([500, 200, 300], "proportional", 100) == [50, 20, 30]


def test_stratified_picks_are_random_within_clusters_and_in_the_remainder():
    clusters = np.repeat([0, 1], [3, 7])
    recipe = {"sampler": "stratified-clusters", "allocation": "equal"}
    counts = np.zeros(10)
    for seed in range(2000):
        counts[query(recipe, Tables(np.arange(10), clusters=clusters), 1, seed).ids] += 1
    # Each cluster half of 2,000 times: 333 for each of 3, 143 for each of 7; deviations 17, 12.
    assert abs(counts[:3] - 333).max() < 70
    assert abs(counts[3:] - 143).max() < 50


def test_stratified_by_k_means_finds_the_clusters():
    X, clusters = blobs([60, 10, 30])
    recipe = {"sampler": "stratified-kmeans", "clusters": 3, "allocation": "equal"}
    ids = query(recipe, Tables(np.arange(len(X)), X), 15).ids
    assert np.bincount(clusters[ids]).tolist() == [5, 5, 5]


def test_k_means_plus_plus_draws_by_squared_distance():
    X = np.array([[0.0], [1], [3], [7]], dtype=np.float32)
    pairs = np.zeros((4, 4))
    for seed in range(4000):
        pairs[tuple(query({"sampler": "k-means-pp"}, Tables(np.arange(4), X), 2, seed).ids)] += 1
    squared = (X - X.T) ** 2
    expected = 1000 * squared / squared.sum(axis=1, keepdims=True)
    # Up to 1,000 in a cell: a standard deviation of 30 at most.
    assert abs(pairs - expected).max() < 110


def test_k_means_plus_plus_starts_from_the_labelled_set():
    X = np.array([[0.0], [1], [3], [7]], dtype=np.float32)
    counts = np.zeros(4)
    for seed in range(2000):
        picks = query(
            {"sampler": "k-means-pp"}, Tables(np.arange(4), X, labelled=np.array([1])), 1, seed
        )
        counts[picks.ids] += 1
        assert picks.scores[0] == pytest.approx(abs(X[picks.ids[0], 0] - 1), rel=1e-5)
    assert abs(counts - 2000 * np.array([1, 0, 4, 36]) / 41).max() < 80


def test_k_means_plus_plus_takes_all_different_images_before_a_duplicate():
    X = np.repeat(np.eye(4, dtype=np.float32), 5, axis=0)
    for seed in range(20):
        ids = query({"sampler": "k-means-pp"}, Tables(np.arange(20), X), 20, seed).ids
        assert set(ids[:4] // 5) == {0, 1, 2, 3}


def test_k_medoids_are_in_the_middle_of_clusters():
    X, clusters = blobs([30, 12, 20])
    ids = query({"sampler": "k-medoids"}, Tables(np.arange(len(X)), X), 3).ids
    assert sorted(clusters[ids]) == [0, 1, 2]
    for row in ids:
        among = np.flatnonzero(clusters == clusters[row])
        apart = np.linalg.norm(X[among][:, None] - X[among][None], axis=2).sum(axis=1)
        assert row == among[apart.argmin()]


def test_k_medoids_accepts_duplicates():
    X = np.repeat(np.eye(4, dtype=np.float32), 5, axis=0)
    for seed in range(10):
        picks = query({"sampler": "k-medoids"}, Tables(np.arange(20), X), 9, seed)
        assert len(set(picks.ids)) == 9
        assert set(picks.ids // 5) == {0, 1, 2, 3}
        alone = np.bincount(picks.ids // 5)[picks.ids // 5] == 1
        assert ((picks.scores > 0.1) == alone).all()


def plain_alternate(X, medoids, moving):
    """Each step as it is defined, with every distance in memory."""
    apart = np.linalg.norm(X[:, None] - X[None], axis=2)
    medoids = list(medoids)
    while True:
        assigned = apart[:, medoids].argmin(axis=1)
        assigned[medoids] = np.arange(len(medoids))
        before = list(medoids)
        for cluster in range(moving):
            rows = np.flatnonzero(assigned == cluster)
            sums = apart[np.ix_(rows, rows)].sum(axis=1)
            if sums.min() < (1 - 1e-5) * sums[rows == medoids[cluster]]:
                medoids[cluster] = int(rows[sums.argmin()])
        if medoids == before:
            return medoids


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("block", [2**24, 300])
def test_k_medoids_equal_their_definition(seed, block, monkeypatch):
    monkeypatch.setattr(similarity, "BLOCK", block)
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(120, 4)).astype(np.float32)
    start = rng.choice(120, 22, replace=False)
    ours = k_medoids.alternate(X, start, 10)
    assert ours.tolist() == plain_alternate(X.astype(np.float64), start, 10)
    assert (ours != start)[:10].any()
    assert not (ours != start)[10:].any()


def test_k_medoids_stay_different_where_rounding_is_larger_than_distances():
    X = 1000 + 0.001 * np.random.default_rng(0).normal(size=(60, 3))
    medoids = k_medoids.alternate(X.astype(np.float32), np.arange(40, 60), 20)
    assert len(set(medoids)) == 20


def test_k_medoids_skips_clusters_that_have_a_label():
    X, clusters = blobs([30, 12, 20])
    labelled = np.flatnonzero(clusters == 0)[:1]
    tables = Tables(np.arange(len(X)), X, labelled=labelled)
    for seed in range(5):
        ids = query({"sampler": "k-medoids"}, tables, 2, seed).ids
        assert sorted(clusters[ids]) == [1, 2]


@pytest.mark.parametrize("block", [2**24, 6])
def test_k_medoids_are_ordered_by_the_loss_of_leaving_them_out(block, monkeypatch):
    monkeypatch.setattr(similarity, "BLOCK", block)
    X = np.array([[0.0], [0.1], [0.2], [5], [9], [9.2], [9.4]], dtype=np.float32)
    found = [query({"sampler": "k-medoids"}, Tables(np.arange(7), X), 3, s) for s in range(20)]
    picks = next(picks for picks in found if sorted(picks.ids) == [1, 3, 5])
    assert picks.ids.tolist() == [1, 5, 3]
    np.testing.assert_allclose(picks.scores, [14.5, 12.2, 4.2], rtol=1e-5)


def test_distinct_rows_are_those_that_differ_as_numbers():
    X = np.random.default_rng(0).integers(0, 2, (40, 3)).astype(np.float32)
    X[::3] *= -1  # which makes -0 of 0
    assert distinct_rows(X) == len(np.unique(X, axis=0)) < 40
