# How good a learner gets with what was picked, and how good an encoder is with all labels.


rule evaluate:
    """Measure every sampler of a run; reads selections, embeddings and labels, or classifiers."""
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


rule probe:
    """Measure an encoder with all labels; reads images, index, labels and encoder."""
    input:
        job.inputs(plan.probed),
    output:
        "results/evaluation/probes/{pool}/{encoder}/seed{seed}/{probe}.json",
    log:
        "results/logs/evaluation/probes/{pool}/{encoder}/seed{seed}/{probe}.log",
    conda:
        "../../envs/coldstart.yaml"
    threads: job.threads(8)
    resources:
        mem_mb=job.mem_mb(plan.probed),
        runtime=job.runtime(plan.probed),
        gpu=job.gpu(plan.probed),
    params:
        artefact=job.artefact(plan.probed),
    script:
        "../scripts/probe.py"
