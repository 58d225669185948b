"""Train one encoder on a pool's unlabeled images."""

from coldstart.ssl.stage import make
from coldstart.jobs import make_artefact

make_artefact(snakemake, make)
