"""Decide which images of a data set play which part."""

from coldstart.data.pool import make
from coldstart.running.job import make_artefact

make_artefact(snakemake, make)
