"""The metrics that a run measures unless it says otherwise."""

from coldstart.evaluation.measure import metrics_of

DESCRIBED = {f"top-{k}": {"metric": "top-k", "k": k} for k in (1, 2, 3)} | {
    name: {"metric": name} for name in ("average-precision", "picked", "outliers")
}
METRICS = metrics_of(DESCRIBED)
