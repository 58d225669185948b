"""Copy the ranking to its earlier name, for those who still ask for it."""

from coldstart.jobs import run_target
from coldstart.own.stage import copy_to_old_name

run_target(snakemake, copy_to_old_name, keys=[])
