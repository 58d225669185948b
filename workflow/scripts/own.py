"""Rank every one of a user's own images, and write what it takes to label them."""

from coldstart.jobs import run_target
from coldstart.own.stage import write

run_target(snakemake, write, snakemake.params.own["keys"].values())
