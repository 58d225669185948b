"""Read a data set once: its images or, apart, their labels."""

from coldstart.data.ingest import make_images, make_labels
from coldstart.running.job import make_artefact

stages = {"images": make_images, "labels": make_labels}
make_artefact(snakemake, stages[snakemake.wildcards.what])
