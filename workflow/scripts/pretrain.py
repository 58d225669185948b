"""Train one encoder on a pool's unlabeled images."""

from coldstart.running.job import make_artefact
from coldstart.ssl.pretrain import make

make_artefact(snakemake, make)
