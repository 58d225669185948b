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
