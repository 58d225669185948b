# A user's own images: every one of them ranked, with what it takes to label them.

from coldstart.planning.ranking import PAGE_PATH, keep_edits
from coldstart.planning.ranking import pictures as ranking_pictures
from coldstart.planning.ranking import texts as ranking_texts

keep_edits()
ranking = ranking_texts(job.config) + [PAGE_PATH] + ranking_pictures(job.config)


# Snakemake removes no output that is flagged with `update`: people edit these files.
rule ranking:
    """Rank a user's own images; writes the ranking, its pictures, and lists for labelling tools."""
    input:
        job.ranking_inputs(),
    output:
        update(ranking_texts(job.config)),
        report(
            PAGE_PATH,
            caption="../report/ranking.rst",
            category="own",
            subcategory="ranking",
            labels={"page": "ranking"},
        ),
        ranking_pictures(job.config),
    log:
        "results/logs/ranking.log",
    conda:
        "../../envs/coldstart.yaml"
    threads: 1
    resources:
        mem_mb=job.ranking_mem_mb(),
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        ranking=job.ranking_params(),
    script:
        "../scripts/ranking.py"


rule ranking_old_name:
    """Copy the ranking to a name that it had in earlier versions."""
    input:
        ranking_texts(job.config)[0],
    output:
        update("results/own/{name}.csv"),
    log:
        "results/logs/own/{name}.log",
    wildcard_constraints:
        name="ranking|labels",
    conda:
        "../../envs/coldstart.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 500 * attempt,
        runtime=lambda wildcards, attempt: 5 * attempt,
    script:
        "../scripts/ranking_old_name.py"
