# Images and labels of a data set, and the pools made of them.


rule ingest:
    input:
        job.sources(),
    output:
        "results/data/{dataset}/{what}.json",
    log:
        "results/logs/data/{dataset}/{what}.log",
    conda:
        "../../envs/coldstart.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        artefact=job.artefact(plan.ingested),
    script:
        "../scripts/ingest.py"


rule pool:
    input:
        job.inputs(plan.index),
    output:
        "results/data/pools/{pool}.json",
    log:
        "results/logs/data/pools/{pool}.log",
    conda:
        "../../envs/coldstart.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        artefact=job.artefact(plan.index),
    script:
        "../scripts/pool.py"
