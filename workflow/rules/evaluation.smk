# Metrics of learners on the labels bought, and of encoders with all labels.


rule evaluate:
    """Measure every sampler of a run; reads selections, embeddings and labels, or classifiers."""
    input:
        job.inputs(plan.cycles.evaluation),
    output:
        "results/evaluation/{study}/{run}/seed{seed}.json",
    log:
        "results/logs/evaluation/{study}/{run}/seed{seed}.log",
    conda:
        "../../envs/coldstart.yaml"
    threads: job.threads(8)
    resources:
        mem_mb=job.mem_mb(plan.cycles.evaluation),
        runtime=job.runtime(plan.cycles.evaluation),
    params:
        artefacts=job.artefacts(plan.cycles.evaluation),
    script:
        "../scripts/evaluate.py"


rule growth:
    """Cross-validate on parts of the labels that are given; reads index, embeddings and labels."""
    input:
        job.inputs(plan.cycles.given.growth),
    output:
        "results/given/{study}/{run}/seed{seed}/growth.json",
    log:
        "results/logs/given/{study}/{run}/seed{seed}/growth.log",
    conda:
        "../../envs/coldstart.yaml"
    threads: job.threads(8)
    resources:
        mem_mb=job.mem_mb(plan.cycles.given.growth),
        runtime=job.runtime(plan.cycles.given.growth),
    params:
        artefacts=job.artefacts(plan.cycles.given.growth),
    script:
        "../scripts/growth.py"


rule probe:
    """Measure an encoder with all labels; reads images, index, labels and encoder."""
    input:
        job.inputs(plan.encoders.probed),
    output:
        "results/evaluation/probes/{pool}/{encoder}/seed{seed}/{probe}.json",
    log:
        "results/logs/evaluation/probes/{pool}/{encoder}/seed{seed}/{probe}.log",
    conda:
        "../../envs/coldstart.yaml"
    threads: job.threads(8)
    resources:
        mem_mb=job.mem_mb(plan.encoders.probed),
        runtime=job.runtime(plan.encoders.probed),
        gpu=job.gpu(plan.encoders.probed),
    params:
        artefacts=job.artefacts(plan.encoders.probed),
    script:
        "../scripts/probe.py"
