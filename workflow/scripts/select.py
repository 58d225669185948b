"""Let one sampler pick, for every budget and seed of a run."""

from coldstart.running.job import make_artefact
from coldstart.selection.select import make

make_artefact(snakemake, make)
