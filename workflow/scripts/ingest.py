"""Read a data set once: its images or, apart, their labels."""

from coldstart.data.stage import make_images, make_labels
from coldstart.jobs import make_artefact

stages = {"images": make_images, "labels": make_labels}
make_artefact(snakemake, stages[snakemake.wildcards.what])
