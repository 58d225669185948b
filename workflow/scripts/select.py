"""Let one sampler pick, for every budget and seed of a run."""

from coldstart.jobs import make_artefact
from coldstart.selection.stage import make

make_artefact(snakemake, make)
