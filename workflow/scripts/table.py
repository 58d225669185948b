"""Write one table of a study."""

from coldstart.figures.draw import write_table
from coldstart.running.job import run_target

run_target(snakemake, write_table, snakemake.params.target["keys"].values())
