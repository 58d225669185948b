# Embeddings and scores of images under an encoder.


rule embed:
    """Embed a pool's candidates and test images; reads images, index and encoder."""
    input:
        job.inputs(plan.embeddings),
    output:
        "results/embeddings/{pool}/{encoder}/seed{seed}/{embedding}.json",
    log:
        "results/logs/embeddings/{pool}/{encoder}/seed{seed}/{embedding}.log",
    conda:
        "../../envs/coldstart.yaml"
    threads: job.threads(8)
    resources:
        mem_mb=job.mem_mb(plan.embeddings),
        runtime=job.runtime(plan.embeddings),
        gpu=job.gpu(plan.embeddings),
    params:
        artefact=job.artefact(plan.embeddings),
    script:
        "../scripts/embed.py"


rule score:
    """Score a pool's candidates by a model's losses or gradients; reads images, index and encoder."""
    input:
        job.inputs(plan.scores),
    output:
        "results/embeddings/{pool}/{encoder}/seed{seed}/scores/{score}.json",
    log:
        "results/logs/embeddings/{pool}/{encoder}/seed{seed}/scores/{score}.log",
    conda:
        "../../envs/coldstart.yaml"
    threads: job.threads(8)
    resources:
        mem_mb=job.mem_mb(plan.scores),
        runtime=job.runtime(plan.scores),
        gpu=job.gpu(plan.scores),
    params:
        artefact=job.artefact(plan.scores),
    script:
        "../scripts/score.py"
