"""Rank every one of a user's own images, and write what it takes to label them."""

from coldstart.ranking.ranking import write
from coldstart.running.job import run_target

run_target(snakemake, write, snakemake.params.ranking["keys"].values())
