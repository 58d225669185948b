# Self-supervised encoders.


rule pretrain:
    input:
        job.inputs(plan.checkpoint),
    output:
        "results/ssl/{pool}/{encoder}/seed{seed}.json",
    log:
        "results/logs/ssl/{pool}/{encoder}/seed{seed}.log",
    conda:
        "../../envs/coldstart.yaml"
    threads: job.threads(8)
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 600 * attempt,
        gpu=job.gpus,
    params:
        artefact=job.artefact(plan.checkpoint),
    script:
        "../scripts/pretrain.py"
