"""Linear probes and their metrics for a whole study, against a loop over scikit-learn.

The sizes are a paper's: 36 budgets, six samplers, two of them with five seeds, on 512 features.

    python tests/benchmarks/bench_logistic.py [threads]
"""

import sys
import time
import warnings

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, top_k_accuracy_score

from coldstart.evaluation.logistic import fit_probes
from coldstart.evaluation.metrics import evaluate_probes

POOL, TEST, DIM, CLASSES = 2750, 5500, 512, 10
SMALL, LARGE = list(range(5, 93, 3)), [137, 275, 412, 550, 687, 1375]
ORDERS = 4 + 2 * 5


def embeddings(rng):
    """Standardised ReLU features of a noisy mixture: a linear probe gets some 80 % right."""
    n = POOL + TEST
    labels = rng.integers(CLASSES, size=n)
    hidden = 0.45 * rng.normal(size=(CLASSES, 60))[labels] + rng.normal(size=(n, 60))
    mixing = rng.normal(size=(60, DIM)) * np.geomspace(1, 0.1, 60)[:, None]
    raw = np.maximum(hidden @ mixing / 3 + 0.3 * rng.normal(size=(n, DIM)) + 0.5, 0)
    return ((raw - raw.mean(0)) / raw.std(0)).astype(np.float32), labels


def timed(work):
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def score_one(model, test, truth):
    """What a user would write to score one probe; its top-1 accuracy."""
    classes = np.arange(CLASSES)
    probabilities = np.zeros((len(test), CLASSES))
    probabilities[:, model.classes_] = model.predict_proba(test)
    top = [top_k_accuracy_score(truth, probabilities, k=k, labels=classes) for k in (1, 2, 3)]
    for k in classes:
        average_precision_score(truth == k, probabilities[:, k])
    return top[0]


def off(coef, solution):
    return abs(coef - solution).max() / abs(solution).max()


def main():
    warnings.simplefilter("ignore")
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
    rng = np.random.default_rng(0)
    features, labels = embeddings(rng)
    pool, known, test, truth = features[:POOL], labels[:POOL], features[POOL:], labels[POOL:]
    orders = [rng.permutation(POOL) for _ in range(ORDERS)]
    fit_probes(pool[:40], known[:40], [np.arange(40)], CLASSES, 1.0)  # first calls are slow
    LogisticRegression().fit(pool[:40], known[:40])
    totals = np.zeros(5)
    for name, sizes in (("5..92", SMALL), ("137..1375", LARGE), ("2750", [POOL])):
        subsets = [order[:n] for n in sizes for order in orders[: 2 if n == POOL else None]]
        ours, (coef, intercept) = timed(lambda s=subsets: fit_probes(pool, known, s, CLASSES, 1.0))
        scoring, (top_k, _) = timed(lambda w=coef, b=intercept: evaluate_probes(test, truth, w, b))
        default_s, tight_s, score_s, errors = 0.0, 0.0, 0.0, []
        # A sample of scikit-learn's loop, two of each budget, counted up to the whole.
        sample = range(0, len(subsets), 1 if len(sizes) == 1 else ORDERS // 2)
        for i in sample:
            X, y = pool[subsets[i]], known[subsets[i]]
            seconds, model = timed(lambda X=X, y=y: LogisticRegression().fit(X, y))
            default_s += seconds
            # What our accuracy takes: float64, and a tolerance far below the default 1e-4.
            tight = LogisticRegression(tol=1e-7, max_iter=10_000)
            seconds, _ = timed(lambda t=tight, X=X, y=y: t.fit(X.astype(float), y))
            tight_s += seconds
            seconds, _ = timed(lambda m=model: score_one(m, test, truth))
            score_s += seconds
            if len(model.classes_) > 2:
                points = 100 * abs(top_k[i, 0] - score_one(tight, test, truth))
                ours_off = off(coef[i, model.classes_], tight.coef_)
                errors.append((ours_off, off(model.coef_, tight.coef_), points))
        scale = len(subsets) / len(sample)
        default_s, tight_s, score_s = default_s * scale, tight_s * scale, score_s * scale
        ours_off, default_off, points = np.max(errors, axis=0)
        print(
            f"{name}, {len(subsets)} fits: ours {ours:.2f} s; sklearn {default_s:.2f} s = "
            f"{default_s / ours:.1f}x by default, {tight_s:.2f} s = {tight_s / ours:.1f}x tight\n"
            f"    scoring: ours {scoring:.2f} s; sklearn {score_s:.2f} s = "
            f"{score_s / scoring:.1f}x\n"
            f"    off the tight solution, of its largest coefficient: ours {ours_off:.1e}, "
            f"sklearn's default {default_off:.1e}; our top-1 by {points:.3f} points",
            flush=True,
        )
        totals += ours, default_s, tight_s, scoring, score_s
    ours, default_s, tight_s, scoring, score_s = totals
    print(
        f"all: fitting {default_s / ours:.1f}x by default, {tight_s / ours:.1f}x tight; "
        f"scoring {score_s / scoring:.1f}x; both "
        f"{(default_s + score_s) / (ours + scoring):.1f}x by default"
    )


if __name__ == "__main__":
    main()
