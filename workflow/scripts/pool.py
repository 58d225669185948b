"""Decide which images of a data set play which part."""

from coldstart.data.pools import make
from coldstart.jobs import make_artefact

make_artefact(snakemake, make)
