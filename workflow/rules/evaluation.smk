# How good a learner gets with what was picked.


rule evaluate:
    input:
        job.inputs(plan.evaluation),
    output:
        "results/evaluation/{study}/{run}/seed{seed}.json",
    log:
        "results/logs/evaluation/{study}/{run}/seed{seed}.log",
    conda:
        "../../envs/coldstart.yaml"
    threads: job.threads(8)
    resources:
        mem_mb=job.mem_mb(plan.evaluation),
        runtime=job.runtime(plan.evaluation),
    params:
        artefact=job.artefact(plan.evaluation),
    script:
        "../scripts/evaluate.py"
