"""Train and judge a learner on every selection of a run."""

from coldstart.evaluation.evaluate import make
from coldstart.running.job import make_artefact

make_artefact(snakemake, make)
