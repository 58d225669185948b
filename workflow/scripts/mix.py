"""Put another data set's images behind a pool's own: the images or, apart, the labels."""

from coldstart.data.mix import make_images, make_labels
from coldstart.running.job import make_artefact

stages = {"images": make_images, "labels": make_labels}
make_artefact(snakemake, stages[snakemake.wildcards.what])
