"""Linear probes and their metrics for a whole study, against a loop over scikit-learn.

The sizes are a paper's: 36 budgets, six samplers, two of them with five seeds, on 512 features.
With ``--paper`` it is all classifiers of Ganesh & Vento in one go: 107 label counts (the paper says
108, its code has these), six samplers and three sets.

    python tests/benchmarks/bench_logistic.py [threads] [--paper]
"""

import sys
import time
import warnings

import coldstart  # noqa: F401  # before torch: threads wait as in jobs

# isort: split

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, top_k_accuracy_score

from coldstart.evaluation.logistic import fit_probes
from coldstart.evaluation.metrics import evaluate_probes
from coldstart.evaluation.stage import Labelled, evaluate

POOL, TEST, DIM, CLASSES = 2750, 5500, 512, 10
SMALL, LARGE = list(range(5, 93, 3)), [137, 275, 412, 550, 687, 1375]
ORDERS = 4 + 2 * 5


SETS = {"biased CIFAR-10": (2750, 5500), "STL-10": (5000, 8000), "SVHN": (10_000, 26_032)}
"""Candidates and test images."""
SHARES = (0.0025, 0.005, 0.0075, 0.01, 0.05, 0.1, 0.15, 0.2, 0.25, 0.5, 0.75, 1.0)
SAMPLERS = 6


def embeddings(rng, n=POOL + TEST):
    """Standardised ReLU features of a noisy mixture: a linear probe gets some 80 % right."""
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


def loop(pool, known, test, truth, subsets):
    """Fit and score one after another."""
    for subset in subsets:
        score_one(LogisticRegression().fit(pool[subset], known[subset]), test, truth)


def nested(order, counts):
    """The selections of a sampler for whom each is a prefix of one order."""
    parts = [pd.DataFrame({"seed": 0, "budget": n, "id": order[:n]}) for n in counts]
    return pd.concat(parts)


def one_set(rng, name, size, tested):
    """Seconds that all classifiers of one set take us, and scikit-learn's loop, scaled up."""
    features, labels = embeddings(rng, size + tested)
    pool, known, test, truth = features[:size], labels[:size], features[size:], labels[size:]
    few, many = list(range(5, 100)), [int(share * size) for share in SHARES]
    orders = [rng.permutation(size) for _ in range(SAMPLERS)]
    selections = {f"sampler {n}": nested(order, (*few, *many)) for n, order in enumerate(orders)}
    candidates = Labelled(np.arange(size), pool, known)
    tested = Labelled(np.arange(size, size + tested), test, truth)
    ours, _ = timed(lambda: evaluate(candidates, tested, selections, 1.0))
    part = [orders[0][:count] for count in few[::5]]
    looped, _ = timed(lambda: loop(pool, known, test, truth, part))
    looped *= len(few) / len(part)
    whole = [orders[0][:count] for count in many]
    looped += timed(lambda: loop(pool, known, test, truth, whole))[0]
    looped *= SAMPLERS
    count = SAMPLERS * (len(few) + len(many))
    print(
        f"{name}, {count} classifiers: ours {ours:.1f} s, "
        f"sklearn {looped:.1f} s = {looped / ours:.1f}x",
        flush=True,
    )
    return np.array([ours, looped])


def whole_paper(rng):
    """Every classifier of the paper."""
    ours, looped = sum(one_set(rng, name, *sizes) for name, sizes in SETS.items())
    print(f"all: ours {ours:.1f} s, sklearn {looped:.1f} s = {looped / ours:.1f}x")


def main():
    warnings.simplefilter("ignore")
    numbers = [word for word in sys.argv[1:] if word != "--paper"]
    torch.set_num_threads(int(numbers[0]) if numbers else 2)
    rng = np.random.default_rng(0)
    if "--paper" in sys.argv:
        whole_paper(rng)
        return
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
