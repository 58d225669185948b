# Self-supervised encoders.


rule pretrain:
    """Train an encoder on a pool's unlabelled images; reads images and index, never labels."""
    input:
        job.weights(),
        job.inputs(plan.encoders.checkpoint),
    output:
        "results/ssl/{pool}/{encoder}/seed{seed}.json",
    log:
        "results/logs/ssl/{pool}/{encoder}/seed{seed}.log",
    conda:
        "../../envs/coldstart.yaml"
    threads: job.threads(8)
    resources:
        mem_mb=job.mem_mb(plan.encoders.checkpoint),
        runtime=job.runtime(plan.encoders.checkpoint),
        gpu=job.gpu(plan.encoders.checkpoint),
    params:
        artefacts=job.artefacts(plan.encoders.checkpoint),
    script:
        "../scripts/pretrain.py"
