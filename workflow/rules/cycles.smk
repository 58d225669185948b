# Cycles: what to label next, and learners trained on the labels so far.


rule cycle:
    """Pick, train and predict at one budget; reads images, index, labels and the cycle before."""
    input:
        job.inputs(plan.cycles.cycle),
    output:
        "results/cycles/{study}/{run}/seed{seed}/{sampler}/trial{trial}/budget{budget}/model.json",
        "results/cycles/{study}/{run}/seed{seed}/{sampler}/trial{trial}/budget{budget}/predictions.json",
    log:
        "results/logs/cycles/{study}/{run}/seed{seed}/{sampler}/trial{trial}/budget{budget}.log",
    group:
        job.chain(workflow)
    conda:
        "../../envs/coldstart.yaml"
    threads: job.threads(8)
    resources:
        mem_mb=job.mem_mb(plan.cycles.cycle),
        runtime=job.cycle_runtime(),
        gpu=job.gpu(plan.cycles.cycle),
    params:
        artefacts=job.artefacts(plan.cycles.cycle),
    script:
        "../scripts/cycle.py"
