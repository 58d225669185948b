import numpy as np
import pytest

from coldstart.selection import traversal
from coldstart.selection.traversal import farthest_first


def plain(X, budget, centres, start):
    """The definition: all distances to every new centre, of equal ones the lowest row."""
    X, centres = X.astype(np.float64), centres.astype(np.float64)
    nearest = np.full(len(X), np.inf)
    for centre in centres:
        nearest = np.minimum(nearest, ((X - centre) ** 2).sum(axis=1))
    rows, radii = [], []
    for turn in range(budget):
        row = start if turn == 0 and not len(centres) else int(np.argmax(nearest))
        rows.append(row)
        radii.append(np.sqrt(nearest[row]))
        nearest = np.minimum(nearest, ((X - X[row]) ** 2).sum(axis=1))
        nearest[rows] = -1.0
    return rows, radii


def clustered(rng, n, dim):
    """A few clusters at distances that differ much, so that the farthest rows lie together."""
    centres = rng.normal(size=(4, dim)) * [[1], [10], [100], [1000]]
    return centres[rng.integers(4, size=n)] + 0.01 * rng.normal(size=(n, dim))


TABLES = {
    "normal": lambda rng, n, dim: rng.normal(size=(n, dim)),
    "grid, many ties": lambda rng, n, dim: rng.integers(-2, 3, size=(n, dim)),
    # 0.1 is no float32: what is the same distance on paper differs in the last bits.
    "grid of tenths far from the origin": lambda rng, n, dim: (
        100 + 0.1 * rng.integers(-3, 4, size=(n, dim))
    ),
    "far from the origin": lambda rng, n, dim: 1e5 + rng.normal(size=(n, dim)),
    "clusters": clustered,
    "duplicates": lambda rng, n, dim: rng.normal(size=(5, dim))[rng.integers(5, size=n)],
    "all alike": lambda rng, n, dim: np.tile(rng.normal(size=dim), (n, 1)),
    "pairs that mirror each other": lambda rng, n, dim: (
        rng.normal(size=(n, dim))[np.arange(n) // 2] * (-1.0) ** np.arange(n)[:, None]
    ),
    "one far outlier": lambda rng, n, dim: np.concatenate(
        [rng.normal(size=(n - 1, dim)), np.full((1, dim), 1e6)]
    ),
    "tiny": lambda rng, n, dim: 1e-30 * rng.integers(-2, 3, size=(n, dim)),
    "huge": lambda rng, n, dim: 1e30 * rng.integers(-2, 3, size=(n, dim)),
}


@pytest.fixture(params=["small parts", "parts as they are"])
def parts(request, monkeypatch):
    """Parts that are smaller than what is picked, and as they are."""
    if request.param == "small parts":
        for name, size in (("POOL", 4), ("SETTLED", 1), ("PART", 3), ("BLOCK", 7), ("CHUNK", 5)):
            monkeypatch.setattr(traversal, name, size)


def assert_equal(X, budget, centres, start):
    rows, radii = farthest_first(X, budget, centres, start)
    plain_rows, plain_radii = plain(X, budget, centres, start)
    np.testing.assert_array_equal(rows, plain_rows)
    np.testing.assert_array_equal(radii, plain_radii)


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("labelled", [False, True])
def test_traversal_equals_its_definition(kind, labelled, parts):
    rng = np.random.default_rng(len(kind))
    for _ in range(12):
        n, dim = int(rng.integers(2, 120)), int(rng.integers(1, 9))
        X = TABLES[kind](rng, n, dim).astype(np.float32)
        centres = X[rng.integers(n, size=3)] if labelled else X[:0]
        budget = n if rng.random() < 0.3 else int(rng.integers(1, n + 1))
        assert_equal(X, budget, centres, int(rng.integers(n)))


@pytest.mark.parametrize("dim", [2, 64])
def test_traversal_equals_its_definition_with_many_candidates(dim):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(5000, dim)).astype(np.float32)
    assert_equal(X, 400, X[:0], 17)
    assert_equal(X[30:], 400, X[:30], 0)


def test_rounding_does_not_order_rows_at_equal_distances():
    """Rows at equal distances of the start: rounding must not order them."""
    rng = np.random.default_rng(1)
    dim = 300
    steps = rng.integers(1, 4, size=dim)
    X = np.concatenate([np.zeros((1, dim)), [rng.permutation(steps) for _ in range(400)]])
    assert_equal((7 + 0.25 * X).astype(np.float32), 30, np.empty((0, dim), np.float32), 0)


def test_centres_far_from_all_rows_are_exact():
    X = np.array([[0.0], [1.0], [2.0]], dtype=np.float32)
    rows, radii = farthest_first(X, 3, np.array([[1e6]], dtype=np.float32))
    assert rows.tolist() == [0, 2, 1]
    np.testing.assert_array_equal(radii, [1e6, 2, 1])


def test_traversal_of_a_line_halves_it():
    X = np.arange(9, dtype=np.float32)[:, None]
    rows, radii = farthest_first(X, 9, X[:0], start=0)
    assert rows.tolist() == [0, 8, 4, 2, 6, 1, 3, 5, 7]
    np.testing.assert_array_equal(radii, [np.inf, 8, 4, 2, 2, 1, 1, 1, 1])


@pytest.fixture
def work(monkeypatch):
    """The number of distances bounded, and of those computed without rounding, so far."""
    done = {"bounded": 0, "computed": 0}
    bounds, squared = traversal._Traversal._bounds, traversal.squared

    def counting_bounds(self, points, norms, since):
        done["bounded"] += len(points) * (self.count - since)
        return bounds(self, points, norms, since)

    def counting_squared(points, others):
        done["computed"] += len(points)
        return squared(points, others)

    monkeypatch.setattr(traversal._Traversal, "_bounds", counting_bounds)
    monkeypatch.setattr(traversal, "squared", counting_squared)
    return done


def test_few_distances_are_computed(work):
    """Rows that cannot be next are left alone: that is what makes it fast."""
    X = np.random.default_rng(0).normal(size=(20_000, 16)).astype(np.float32)
    farthest_first(X, 200, X[:0])
    assert len(X) < work["bounded"] < 0.4 * 200 * len(X)
    assert 200 <= work["computed"] < 10 * 200


def test_position_of_the_origin_does_not_matter(work):
    X = np.random.default_rng(0).integers(-999, 1000, size=(5000, 8)).astype(np.float32)
    rows, radii = farthest_first(X, 100, X[:0])
    here = work["computed"]
    there = farthest_first(X + 2.0**20, 100, X[:0])
    np.testing.assert_array_equal(there[0], rows)
    np.testing.assert_array_equal(there[1], radii)
    assert work["computed"] - here < 2 * here
