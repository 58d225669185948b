"""Train a classifier on the labels that a budget has bought."""

from coldstart.learners.learn import make
from coldstart.running.job import make_artefact

make_artefact(snakemake, make)
