# A user's own images: every one of them ranked, with what it takes to label them.

from coldstart.planning.ranking import OLD_RANKING
from coldstart.planning.ranking import keep_edits
from coldstart.planning.ranking import pictures as own_pictures
from coldstart.planning.ranking import texts as own_texts

keep_edits()
own = own_texts(job.config.images) + own_pictures()


# Snakemake removes no output that is flagged with `update`: people edit these files.
rule own:
    """Rank a user's own images; writes the ranking, its pictures, and tasks for Label Studio."""
    input:
        job.own_inputs(),
    output:
        update(own_texts(job.config.images)),
        own_pictures(),
    log:
        "results/logs/own.log",
    conda:
        "../../envs/coldstart.yaml"
    threads: 1
    resources:
        mem_mb=job.own_mem_mb(),
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        own=job.own_params(),
    script:
        "../scripts/own.py"


rule own_old_name:
    """Copy the ranking to the name that it had in earlier versions."""
    input:
        own_texts(job.config.images)[0],
    output:
        update(OLD_RANKING),
    log:
        "results/logs/own-old-name.log",
    conda:
        "../../envs/coldstart.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 500 * attempt,
        runtime=lambda wildcards, attempt: 5 * attempt,
    script:
        "../scripts/own_old_name.py"
