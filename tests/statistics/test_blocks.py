import numpy as np
import pandas as pd
import pytest

from coldstart.common.errors import ColdstartError
from coldstart.statistics.blocks import arrange, described
from coldstart.statistics.ranks import rank

DEFAULT = ["run", "encoder-seed", "budget"]


def tidy(*rows):
    """Rows of run, encoder_seed, sampler, seed, budget, value."""
    columns = ["run", "encoder_seed", "sampler", "trial", "budget", "value"]
    return pd.DataFrame(rows, columns=columns)


@pytest.fixture
def drawn():
    """`random` twice in each cell, `kmeans` once: two encoder seeds, one and two budgets."""
    return tidy(
        ("m", 0, "random", 0, 10, 0.1),
        ("m", 0, "random", 1, 10, 0.3),
        ("m", 0, "kmeans", 0, 10, 0.5),
        ("m", 0, "random", 0, 20, 0.6),
        ("m", 0, "random", 1, 20, 0.8),
        ("m", 0, "kmeans", 0, 20, 0.9),
        ("m", 1, "random", 0, 10, 0.0),
        ("m", 1, "random", 1, 10, 0.4),
        ("m", 1, "kmeans", 0, 10, 0.1),
    )


def test_value_of_a_block_is_the_mean_over_trials(drawn):
    blocks = arrange(drawn, ["random", "kmeans"], DEFAULT)
    assert blocks.values.index.names == ["run", "encoder_seed", "budget"]
    assert blocks.values.columns.tolist() == ["random", "kmeans"]
    assert np.allclose(blocks.values.to_numpy(), [[0.2, 0.5], [0.7, 0.9], [0.2, 0.1]])
    assert blocks.once == {"kmeans"}
    assert np.allclose(blocks.differences("kmeans", "random"), [0.3, 0.2, -0.1])


def test_cells_of_a_block_weigh_alike_for_any_number_of_trials(drawn):
    more = tidy(("m", 1, "random", 2, 10, 0.8))
    blocks = arrange(pd.concat([drawn, more]), ["random", "kmeans"], ["budget"])
    expected = [[(0.2 + 0.4) / 2, (0.5 + 0.1) / 2], [0.7, 0.9]]
    assert np.allclose(blocks.values.to_numpy(), expected)


def test_single_trial_pairs_with_each_trial_of_the_others(drawn):
    blocks = arrange(drawn, ["random", "kmeans"], [*DEFAULT, "trial"])
    assert blocks.values.index.names == ["run", "encoder_seed", "trial", "budget"]
    assert len(blocks.values) == 6
    of_ten = blocks.values.xs((0, 10), level=["encoder_seed", "budget"])
    assert of_ten.to_numpy().tolist() == [[0.1, 0.5], [0.3, 0.5]]
    assert blocks.differences("random", "kmeans").tolist()[:2] == [-0.4, -0.2]


def test_two_samplers_with_one_trial_have_one_block_per_cell(drawn):
    other = drawn[drawn["sampler"] == "kmeans"].assign(sampler="k-centre", value=0.0)
    samplers = ["random", "kmeans", "k-centre"]
    blocks = arrange(pd.concat([drawn, other]), samplers, [*DEFAULT, "trial"])
    assert len(blocks.differences("random", "kmeans")) == 6
    assert blocks.differences("kmeans", "k-centre").tolist() == [0.5, 0.9, 0.1]
    only = arrange(pd.concat([drawn, other]), samplers, ["trial"])
    assert len(only.differences("random", "kmeans")) == 2
    assert only.differences("kmeans", "k-centre").tolist() == [0.5]


def test_samplers_that_all_have_one_trial_are_paired(drawn):
    alone = drawn[drawn["trial"] == 0]
    blocks = arrange(alone, ["random", "kmeans"], [*DEFAULT, "trial"])
    assert blocks.values.to_numpy().tolist() == [[0.1, 0.5], [0.6, 0.9], [0.0, 0.1]]


def test_classes_are_averaged():
    rows = [("m", 0, s, 0, 10, v) for s, v in (("a", 0.2), ("a", 0.4), ("b", 0.1), ("b", 0.2))]
    values = arrange(tidy(*rows), ["a", "b"], DEFAULT).values
    assert np.allclose(values.to_numpy(), [[0.3, 0.15]])


def test_means_of_equal_values_are_equal():
    rows = [("m", 0, "a", 0, 10, 0.1), ("m", 0, "a", 1, 10, 0.2), ("m", 0, "b", 0, 10, 0.15)]
    blocks = arrange(tidy(*rows), ["a", "b"], DEFAULT)
    assert rank(blocks.values).to_numpy().tolist() == [[1.5, 1.5]]
    assert blocks.differences("a", "b").tolist() == [0]


@pytest.mark.parametrize("block", [DEFAULT, ["budget"], [*DEFAULT, "trial"]])
def test_missing_value_is_reported(drawn, block):
    gone = drawn.drop(index=5)
    with pytest.raises(ColdstartError, match=r"kmeans \(run m, encoder seed 0, 20 labels\);"):
        arrange(gone, ["random", "kmeans"], block)


def test_nan_is_reported_and_not_left_out(drawn):
    drawn.loc[4, "value"] = np.nan
    with pytest.raises(ColdstartError, match=r"random \(run m, encoder seed 0, 20 labels\);"):
        arrange(drawn, ["random", "kmeans"], DEFAULT)


def test_some_of_many_missing_values_are_named(drawn):
    more = tidy(*[("m", 2, "random", 0, budget, 0.5) for budget in range(10, 15)])
    with pytest.raises(ColdstartError, match=r"10 labels.*11 labels.*12 labels\) and 2 more;"):
        arrange(pd.concat([drawn, more]), ["random", "kmeans"], DEFAULT)


def test_missing_trial_is_reported_if_trials_are_blocks(drawn):
    third = [("m", 0, "third", seed, budget, 0.5) for seed in (0, 1) for budget in (10, 20)]
    gone = pd.concat([drawn[drawn["encoder_seed"] == 0].drop(index=4), tidy(*third)])
    samplers = ["random", "kmeans", "third"]
    assert len(arrange(gone, samplers, DEFAULT).values) == 2
    with pytest.raises(ColdstartError, match=r"random \(run m, encoder seed 0, 20 labels\);"):
        arrange(gone, samplers, [*DEFAULT, "trial"])


def test_blocks_are_described_in_words():
    assert described(["budget", "run"]) == "run, number of labels"
