"""Values of samplers in blocks, the sets of conditions within which tests compare them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from coldstart.common.errors import ColdstartError
from coldstart.statistics.ties import subtract

COLUMNS = {"run": "run", "encoder-seed": "encoder_seed", "trial": "trial", "budget": "budget"}
"""Properties that tell blocks apart: the name in studies -> the column of tables."""
WORDS = {
    "run": "run",
    "encoder_seed": "encoder seed",
    "trial": "trial",
    "budget": "number of labels",
}
CELL = ["run", "encoder_seed", "budget"]
MOST_NAMED = 3


@dataclass(frozen=True)
class Blocks:
    """One value of each sampler in each block.

    Attributes:
        values: float64 [blocks, samplers], higher is better; the levels of the index are the
            properties that tell blocks apart, in the order of ``COLUMNS``.
        once: samplers without randomness, which have one trial for each encoder.
    """

    values: pd.DataFrame
    once: frozenset[str]

    def differences(self, first: str, second: str) -> pd.Series:
        """Subtract the second sampler's values from the first's, block by block, float64 [n].

        Differences that are equal but for rounding errors are equal, and so are zeros.

        Where blocks are trials and neither sampler has more than one trial, its repetitions
        are no blocks of their own: one of them is kept.
        """
        columns = (self.values[name].to_numpy(dtype=float) for name in (first, second))
        difference = pd.Series(subtract(*columns), index=self.values.index)
        names = [str(name) for name in difference.index.names]
        if not {first, second} <= self.once or "trial" not in names:
            return difference
        names.remove("trial")
        return difference.groupby(level=names, sort=False).first() if names else difference[:1]


def arrange(values: pd.DataFrame, samplers: Sequence[str], block: Sequence[str]) -> Blocks:
    """The samplers' mean values in each block.

    A sampler's value in a cell (run, encoder seed, number of labels) is the mean over its trials,
    and over classes where the metric is of one; its value in a block is the mean over the block's
    cells. Where blocks are told apart by trial, the trials are cells of their own, and the
    one trial of a sampler without randomness pairs with each trial of the others.

    Args:
        values: tidy: run, encoder_seed, sampler, seed, budget and value.
        samplers: their names, in the order of the columns.
        block: of ``COLUMNS``.

    Raises:
        ColdstartError: a sampler has no value in a cell, or one that is not a number.
    """
    parts = [column for name, column in COLUMNS.items() if name in block]
    seeds = values.groupby("sampler")["trial"].nunique()
    once = frozenset(str(sampler) for sampler in seeds.index[seeds == 1])
    _check(values[values["value"].isna()][[*CELL, "sampler"]])
    cells = CELL
    if "trial" in parts:
        values, cells = _repeated(values, once), [*CELL, "trial"]
    table = values.pivot_table(index=cells, columns="sampler", values="value", sort=False)
    table = table.reindex(columns=pd.Index(samplers, name="sampler"))
    rows, columns = np.nonzero(table.isna().to_numpy())
    missing = table.index.to_frame(index=False)[CELL].iloc[rows]
    _check(missing.assign(sampler=table.columns[columns]))
    return Blocks(table.groupby(level=parts, sort=False).mean(), once)


def described(block: Sequence[str]) -> str:
    """Describe a block in words."""
    return ", ".join(WORDS[column] for name, column in COLUMNS.items() if name in block)


def _repeated(values: pd.DataFrame, once: frozenset[str]) -> pd.DataFrame:
    """The one trial of samplers without randomness, repeated for each seed of the others."""
    alone = values["sampler"].isin(list(once))
    seeds = values.loc[~alone, [*CELL, "trial"]].drop_duplicates()
    repeated = values[alone].drop(columns="trial").merge(seeds, how="left", on=CELL)
    repeated["trial"] = repeated["trial"].fillna(0).astype(int)
    return pd.concat([values[~alone], repeated], ignore_index=True)


def _check(missing: pd.DataFrame) -> None:
    """Refuse missing values: a test would silently drop them, or their blocks."""
    if missing.empty:
        return
    named = [
        f"{row.sampler} (run {row.run}, encoder seed {row.encoder_seed}, {row.budget} labels)"
        for row in missing.drop_duplicates().itertuples()
    ]
    more = f" and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
    raise ColdstartError(
        f"no value of {', '.join(named[:MOST_NAMED])}{more}; samplers are compared in blocks that "
        "have a value of each: name `runs` and `budgets` in the figure or table that all have"
    )
