"""Train one encoder on a pool's unlabeled images."""

from coldstart.jobs import make_artefact
from coldstart.ssl.stage import make

make_artefact(snakemake, make)
