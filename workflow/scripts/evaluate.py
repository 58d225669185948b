"""Train and judge a learner on every selection of a run."""

from coldstart.evaluation.stage import make
from coldstart.jobs import make_artefact

make_artefact(snakemake, make)
