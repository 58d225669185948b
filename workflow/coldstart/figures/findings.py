"""Findings of the statistics about the samplers, in sentences."""

import pandas as pd

from coldstart.config.recipes.figures.findings import Findings
from coldstart.figures.data import Shown
from coldstart.figures.style import looks
from coldstart.statistics.pairs import compare
from coldstart.statistics.sentences import findings


def tabulate(shown: Shown, target: Findings) -> pd.DataFrame:
    """One row per finding: topic and sentence."""
    blocks = shown.blocks(target)
    names = {sampler: look.name for sampler, look in looks(blocks.values.columns).items()}
    return pd.DataFrame(findings(blocks, names, compare(blocks)), columns=["topic", "sentence"])
