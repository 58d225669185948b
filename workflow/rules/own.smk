# A user's own images: every one of them ranked, with what it takes to label them.

from coldstart.own.plan import files as own_files

own = own_files(job.config.images)


rule own:
    input:
        job.own_inputs(),
    output:
        own,
    log:
        "results/logs/own.log",
    conda:
        "../../envs/coldstart.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        own=job.own_params(),
    script:
        "../scripts/own.py"
