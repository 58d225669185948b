# Picks of each sampler before any label is bought.


rule select:
    """Pick candidates for every budget and trial; reads index and the tables that a sampler declares."""
    input:
        job.inputs(plan.cycles.selection),
    output:
        "results/selection/{study}/{run}/seed{seed}/{sampler}.json",
    log:
        "results/logs/selection/{study}/{run}/seed{seed}/{sampler}.log",
    group:
        job.beside(workflow, "select")
    conda:
        "../../envs/coldstart.yaml"
    threads: 1
    resources:
        mem_mb=job.mem_mb(plan.cycles.selection),
        runtime=job.runtime(plan.cycles.selection),
    params:
        artefacts=job.artefacts(plan.cycles.selection),
    script:
        "../scripts/select.py"


rule learn_given:
    """Train on the labels that are given and predict all candidates; reads index, embeddings and labels."""
    input:
        job.inputs(plan.cycles.given.made),
    output:
        "results/given/{study}/{run}/seed{seed}/model.json",
        "results/given/{study}/{run}/seed{seed}/predictions.json",
    log:
        "results/logs/given/{study}/{run}/seed{seed}/model.log",
    conda:
        "../../envs/coldstart.yaml"
    threads: 1
    resources:
        mem_mb=job.mem_mb(plan.cycles.given.made),
        runtime=job.runtime(plan.cycles.given.made),
    params:
        artefacts=job.artefacts(plan.cycles.given.made),
    script:
        "../scripts/learn_given.py"
