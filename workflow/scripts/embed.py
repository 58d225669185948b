"""Embed a pool's candidates and test images."""

from coldstart.embeddings.embed import make
from coldstart.running.job import make_artefact

make_artefact(snakemake, make)
