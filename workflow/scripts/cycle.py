"""Ask a sampler for the next images, train on all labels bought so far, and predict."""

from coldstart.learners import learn, predict
from coldstart.running.job import make_artefacts
from coldstart.selection import select

stages = {"query": select.make_query, "learn": learn.make, "predict": predict.make}
make_artefacts(snakemake, stages)
