"""Draw one figure of a study, with its numbers beside it."""

from coldstart.figures.draw import draw_figure
from coldstart.running.job import run_target

run_target(snakemake, draw_figure, snakemake.params.target["keys"].values())
