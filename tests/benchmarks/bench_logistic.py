"""Linear probes and their metrics for a whole study, against a loop over scikit-learn.

The sizes are a paper's: 36 budgets, six samplers, two of them with five seeds, on 512 features.

    python tests/benchmarks/bench_logistic.py [threads]
"""

import sys
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, top_k_accuracy_score

sys.path.insert(0, str(Path(__file__).parents[2] / "workflow"))
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


def one_by_one(model, subset, features, labels, test, truth):
    """What a user would write for one probe: seconds to fit, seconds to score, top-1."""
    fit_s, _ = timed(lambda: model.fit(features[subset], labels[subset]))

    def score():
        classes = np.arange(CLASSES)
        probabilities = np.zeros((len(test), CLASSES))
        probabilities[:, model.classes_] = model.predict_proba(test)
        top = [top_k_accuracy_score(truth, probabilities, k=k, labels=classes) for k in (1, 2, 3)]
        for k in classes:
            average_precision_score(truth == k, probabilities[:, k])
        return top[0]

    score_s, top_1 = timed(score)
    return fit_s, score_s, top_1


def main():
    warnings.simplefilter("ignore")
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
    rng = np.random.default_rng(0)
    features, labels = embeddings(rng)
    pool, known, test, truth = features[:POOL], labels[:POOL], features[POOL:], labels[POOL:]
    orders = [rng.permutation(POOL) for _ in range(ORDERS)]
    totals = np.zeros(4)
    print(f"{'budgets':>12} {'fits':>5} {'ours':>8} {'sklearn':>8} ratio  | scoring ours, sklearn")
    for name, sizes in (("5..92", SMALL), ("137..1375", LARGE), ("2750", [POOL])):
        subsets = [order[:n] for n in sizes for order in orders[: 2 if n == POOL else None]]
        ours, (coef, intercept) = timed(lambda s=subsets: fit_probes(pool, known, s, CLASSES, 1.0))
        scoring, (top_k, _) = timed(lambda w=coef, b=intercept: evaluate_probes(test, truth, w, b))
        fit_s = score_s = coef_error = default_error = accuracy_error = 0.0
        for i, subset in enumerate(subsets):
            model = LogisticRegression(C=1.0)
            seconds, scoring_seconds, _ = one_by_one(model, subset, pool, known, test, truth)
            fit_s, score_s = fit_s + seconds, score_s + scoring_seconds
            if i % 23 == 0 and len(model.classes_) > 2:
                tight = LogisticRegression(solver="newton-cg", tol=1e-9, max_iter=1000)
                *_, top_1 = one_by_one(tight, subset, pool.astype(float), known, test, truth)
                scale, present = abs(tight.coef_).max(), tight.classes_
                coef_error = max(coef_error, abs(coef[i, present] - tight.coef_).max() / scale)
                default_error = max(default_error, abs(model.coef_ - tight.coef_).max() / scale)
                accuracy_error = max(accuracy_error, abs(top_k[i, 0] - top_1))
        totals += ours, fit_s, scoring, score_s
        print(
            f"{name:>12} {len(subsets):5} {ours:7.2f}s {fit_s:7.2f}s {fit_s / ours:5.1f}x "
            f"| {scoring:.2f} s, {score_s:.2f} s, {score_s / scoring:.1f}x\n"
            f"{'':12} off the tight solution, of the largest coefficient: ours {coef_error:.1e}, "
            f"sklearn's default {default_error:.1e}; top-1 {100 * accuracy_error:.2f} points",
            flush=True,
        )
    ours, fit_s, scoring, score_s = totals
    print(f"all fits {fit_s / ours:.1f}x, all scoring {score_s / scoring:.1f}x")


if __name__ == "__main__":
    main()
