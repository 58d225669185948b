# Coldstart: which images should be labelled first? README.md says how to run it.

from coldstart.planning.snakemake import require_place
from snakemake.utils import min_version

min_version("9.27")
require_place(workflow)


configfile: "config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/ssl.smk"
include: "workflow/rules/embeddings.smk"
include: "workflow/rules/selection.smk"
include: "workflow/rules/cycles.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/ranking.smk"


onstart:
    job.start(workflow)


rule all:
    """Build the figures and tables of the chosen studies, and the ranking of own images."""
    default_target: True
    input:
        plan.figures.targets("figures", studies),
        plan.figures.targets("tables", studies),
        ranking if job.config.images else [],


rule figures:
    """Draw the figures of the chosen studies."""
    input:
        plan.figures.targets("figures", studies),


rule tables:
    """Write the tables of the chosen studies."""
    input:
        plan.figures.targets("tables", studies),


rule embeddings:
    """Make the embeddings that the chosen studies read."""
    input:
        job.all_embeddings(),
