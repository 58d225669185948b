"""Cross-validate a classifier on parts of the labels that are given."""

from coldstart.learners.growth import make
from coldstart.running.job import make_artefact

make_artefact(snakemake, make)
