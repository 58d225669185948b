"""The pairwise penalty matrix: the wins of one sampler over another."""

from collections.abc import Sequence
from itertools import permutations

import numpy as np
import pandas as pd
from scipy.stats import t

from coldstart.statistics import ALPHA
from coldstart.statistics.blocks import arrange

BLOCK = ("run", "encoder-seed", "trial", "budget")


def penalties(values: pd.DataFrame, samplers: Sequence[str]) -> pd.DataFrame:
    """Penalties of the losers, pair by pair.

    After Ash et al., "Deep batch active learning by diverse, uncertain gradient lower bounds", ICLR
    2020, section 4.

    At each number of labels of a run, two samplers are compared by a paired two-sided t-test over
    trials; where it tells them apart, the loser gets 1 / (numbers of labels of the run). So a
    penalty is at most the number of runs. Each encoder seed has trials of its own. The one
    trial of a sampler without randomness is compared with each trial of another; two such samplers
    have one trial for each encoder seed. Without two trials there is no test.

    Args:
        values: tidy: run, encoder_seed, sampler, seed, budget and value.
        samplers: their names, in order.

    Returns:
        winner, loser, penalty (missing without any test), tests (their number) and draws (number of
        trials of the test with the fewest).

    Raises:
        ColdstartError: a value is missing.
    """
    blocks = arrange(values, samplers, BLOCK)
    rows = []
    for winner, loser in permutations(samplers, 2):
        differences = blocks.differences(winner, loser)
        groups = differences.groupby(level=["run", "budget"])
        tests = pd.DataFrame({"mean": groups.mean(), "sd": groups.std(), "draws": groups.size()})
        tests["share"] = 1 / tests.groupby(level="run")["draws"].transform("size")
        fewest = int(tests["draws"].min())
        tests = tests[tests["draws"] > 1]
        with np.errstate(divide="ignore", invalid="ignore"):
            # Equal trials give 0 / 0, which is no difference; a constant one is infinitely sure.
            statistic = tests["mean"] / (tests["sd"] / np.sqrt(tests["draws"]))
        won = t.sf(statistic, tests["draws"] - 1) < ALPHA / 2
        rows.append(
            {
                "winner": winner,
                "loser": loser,
                "penalty": tests["share"][won].sum() if len(tests) else float("nan"),
                "tests": len(tests),
                "draws": fewest,
            }
        )
    return pd.DataFrame(rows)
