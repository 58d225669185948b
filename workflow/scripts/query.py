"""Let a sampler pick what to label next, by what a classifier makes of the candidates."""

from coldstart.cycles.query import make
from coldstart.jobs import make_artefact

make_artefact(snakemake, make)
