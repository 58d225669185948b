"""Copy the ranking to its earlier name, for those who still ask for it."""

from coldstart.ranking.ranking import copy_to_old_name
from coldstart.running.job import run_target

run_target(snakemake, copy_to_old_name, keys=[])
