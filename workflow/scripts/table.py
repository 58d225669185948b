"""Write one table of a study."""

from coldstart.figures.stage import write_table
from coldstart.jobs import run_target

run_target(snakemake, write_table, snakemake.params.target["keys"].values())
