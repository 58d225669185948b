# Which candidates each sampler picks.


rule select:
    input:
        job.inputs(plan.selection),
    output:
        "results/selection/{study}/{run}/seed{seed}/{sampler}.json",
    log:
        "results/logs/selection/{study}/{run}/seed{seed}/{sampler}.log",
    conda:
        "../../envs/coldstart.yaml"
    threads: 1
    resources:
        mem_mb=job.mem_mb(plan.selection),
        runtime=job.runtime(plan.selection),
    params:
        artefact=job.artefact(plan.selection),
    script:
        "../scripts/select.py"
