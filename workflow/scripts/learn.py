"""Train a classifier on the labels that a budget has bought."""

from coldstart.cycles.learn import make
from coldstart.jobs import make_artefact

make_artefact(snakemake, make)
