"""Score a pool's candidates by the model's own objective."""

from coldstart.embeddings.score import make
from coldstart.running.job import make_artefact

make_artefact(snakemake, make)
