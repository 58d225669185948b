"""Let one sampler pick, for every budget and seed of a run."""

from coldstart.selection.stage import make
from coldstart.jobs import make_artefact

make_artefact(snakemake, make)
