# Classifiers trained end to end on the labels so far, and what to label next.


rule learn:
    """Train a classifier on the labels bought so far; reads images, index, labels and selection."""
    input:
        job.inputs(plan.learner),
    output:
        "results/cycles/{study}/{run}/seed{seed}/{sampler}/trial{trial}/labels{budget}/learner.json",
    log:
        "results/logs/cycles/{study}/{run}/seed{seed}/{sampler}/trial{trial}/labels{budget}/learner.log",
    conda:
        "../../envs/coldstart.yaml"
    threads: job.threads(8)
    resources:
        mem_mb=job.mem_mb(plan.learner),
        runtime=job.runtime(plan.learner),
        gpu=job.gpu(plan.learner),
    params:
        artefact=job.artefact(plan.learner),
    script:
        "../scripts/learn.py"


rule query:
    """Pick the candidates of the next budget; reads images, index, selection and classifier."""
    input:
        job.inputs(plan.query),
    output:
        "results/cycles/{study}/{run}/seed{seed}/{sampler}/trial{trial}/labels{budget}/picks.json",
    log:
        "results/logs/cycles/{study}/{run}/seed{seed}/{sampler}/trial{trial}/labels{budget}/picks.log",
    conda:
        "../../envs/coldstart.yaml"
    threads: job.threads(8)
    resources:
        mem_mb=job.mem_mb(plan.query),
        runtime=job.runtime(plan.query),
        gpu=job.gpu(plan.query),
    params:
        artefact=job.artefact(plan.query),
    script:
        "../scripts/query.py"
