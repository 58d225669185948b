"""The figure and the table of an encoder's own clusters."""

import math
from itertools import permutations

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from coldstart.config.recipes.figures.clusters import Clusters
from coldstart.embeddings.tables import write_embeddings
from coldstart.figures.clusters import agreement, draw, tabulate

TARGET = Clusters(kind="clusters", title="Clusters")
IDS = np.arange(12) * 2
LABELS = [0] * 6 + [1] * 6  # of the candidates, whose ids are even


def probabilities(assigned, confidence=0.9, clusters=4):
    rest = (1 - confidence) / (clusters - 1)
    found = np.full((len(assigned), clusters), rest, dtype=np.float32)
    found[np.arange(len(assigned)), assigned] = confidence
    return found


def clusters(studio, run, seed, assigned, confidence=0.9):
    """The table as the stage writes it; its rows of test images must not count."""
    values = np.concatenate([probabilities(assigned, confidence), probabilities([3] * 5, 1.0)])
    ids, splits = np.concatenate([IDS, IDS[:5] + 1]), ["candidates"] * 12 + ["test"] * 5

    def write(out):
        write_embeddings(out / "embeddings.parquet", ids, splits, values)

    studio._publish(f"clusters/{run}/{seed}", write)


@pytest.fixture
def measured(studio):
    studio.run("scan", [], encoder="scan-digits").run("other", [], encoder="other-digits")
    clusters(studio, "scan", 0, [0] * 6 + [1] * 6)
    clusters(studio, "scan", 1, [0, 0, 0, 2, 2, 2] + [1] * 6, 0.7)
    clusters(studio, "other", 0, [2] * 12)
    studio.labels("scan", np.repeat(LABELS, 2))
    return studio


def test_table_has_metrics_without_and_with_labels(measured):
    table = tabulate(measured.shown(), TARGET)
    scan = table[table["run"] == "scan"].set_index("metric")
    assert scan.loc["empty_clusters", "mean"] == 1.5
    entropies = [math.log(2), 1.5 * math.log(2)]
    assert scan.loc["size_entropy", "mean"] == pytest.approx(np.mean(entropies))
    assert scan.loc["confidence", "mean"] == pytest.approx(0.8)
    assert scan.loc["confidence", "sd"] == pytest.approx(np.std([0.9, 0.7], ddof=1))
    assert scan.loc["accuracy", "mean"] == pytest.approx((1 + 9 / 12) / 2)
    with_labels = scan["measured"] == "with labels"
    assert set(scan.index[with_labels]) == {"accuracy", "nmi", "ari"}
    other = table[table["run"] == "other"].set_index("metric")
    assert set(other["measured"]) == {"without labels"}  # nobody has labelled its images
    assert other.loc["size_entropy", "mean"] == 0
    assert other.loc["empty_clusters", "mean"] == 3


def test_agreement_uses_the_best_matching_and_equals_scikit_learn():
    rng = np.random.default_rng(2)
    labels = rng.integers(4, size=60)
    assigned = np.where(rng.random(60) < 0.6, (labels * 3 + 1) % 4, rng.integers(4, size=60))
    best = max(np.mean(np.array(order)[assigned] == labels) for order in permutations(range(4)))
    found = agreement(assigned, labels)
    assert found["accuracy"] == pytest.approx(best)
    assert best > 0.6
    assert found["nmi"] == pytest.approx(normalized_mutual_info_score(labels, assigned))
    assert found["ari"] == pytest.approx(adjusted_rand_score(labels, assigned))


@pytest.mark.parametrize(("clusters", "accuracy"), [(8, 0.5), (2, 0.5)])
def test_numbers_of_clusters_and_classes_may_differ(clusters, accuracy):
    labels = np.arange(64) // 16
    assigned = np.arange(64) // (64 // clusters)
    assert agreement(assigned, labels)["accuracy"] == accuracy


def test_images_without_a_class_do_not_count(measured):
    measured.run("mixed", [], encoder="mixed-digits")
    measured.labels("mixed", np.repeat([None, *LABELS[1:]], 2))
    clusters(measured, "mixed", 0, [3] + [0] * 5 + [1] * 6)
    table = tabulate(measured.shown(), TARGET).set_index(["run", "metric"])
    assert table.loc[("mixed", "accuracy"), "mean"] == 1
    assert table.loc[("mixed", "empty_clusters"), "mean"] == 1


def test_figure_has_a_panel_per_run_with_sorted_sizes(measured):
    figure, numbers = draw(measured.shown(), TARGET)
    of_scan = numbers[numbers["run"] == "scan"]
    assert of_scan["size"].tolist() == [6, 6, 0, 0, 6, 3, 3, 0]
    assert of_scan["rank"].tolist() == [1, 2, 3, 4] * 2
    scan, other = figure.axes
    assert [bar.get_height() for bar in scan.patches] == [6, 4.5, 1.5, 0]
    assert [bar.get_height() for bar in other.patches] == [12, 0, 0, 0]
    assert len(scan.lines) == 2  # dots, and the level of clusters of one size
    assert len(other.lines) == 1
    assert other.lines[0].get_ydata()[0] == 3
    (text,) = scan.texts
    assert "with labels: accuracy 0.88" in text.get_text()
    assert "with labels" not in other.texts[0].get_text()
