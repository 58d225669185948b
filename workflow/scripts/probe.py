"""Measure how good an encoder's embeddings are, with all labels."""

from coldstart.evaluation.probe import make
from coldstart.running.job import make_artefact

make_artefact(snakemake, make)
