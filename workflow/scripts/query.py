"""Let a sampler pick what to label next, by what a classifier makes of the candidates."""

from coldstart.running.job import make_artefact
from coldstart.selection.query import make

make_artefact(snakemake, make)
