"""Train on the labels that are given, and predict all candidates."""

from coldstart.learners import learn, predict
from coldstart.running.job import make_artefacts

make_artefacts(snakemake, {"learn": learn.make, "predict": predict.make})
