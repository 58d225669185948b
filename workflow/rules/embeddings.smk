# Embeddings and scores of images under an encoder.


rule embed:
    """Embed a pool's candidates and test images; reads images, index and encoder."""
    input:
        job.inputs(plan.encoders.embeddings),
    output:
        "results/embeddings/{pool}/{encoder}/seed{seed}/{embedding}.json",
    log:
        "results/logs/embeddings/{pool}/{encoder}/seed{seed}/{embedding}.log",
    group:
        job.beside(workflow, "embed")
    conda:
        "../../envs/coldstart.yaml"
    threads: job.threads(8)
    resources:
        mem_mb=job.mem_mb(plan.encoders.embeddings),
        runtime=job.runtime(plan.encoders.embeddings),
        gpu=job.gpu(plan.encoders.embeddings),
    params:
        artefacts=job.artefacts(plan.encoders.embeddings),
    script:
        "../scripts/embed.py"


rule score:
    """Score a pool's candidates by a model's losses or gradients; reads images, index and encoder."""
    input:
        job.inputs(plan.encoders.scores),
    output:
        "results/embeddings/{pool}/{encoder}/seed{seed}/scores/{score}.json",
    log:
        "results/logs/embeddings/{pool}/{encoder}/seed{seed}/scores/{score}.log",
    group:
        job.beside(workflow, "embed")
    conda:
        "../../envs/coldstart.yaml"
    threads: job.threads(8)
    resources:
        mem_mb=job.mem_mb(plan.encoders.scores),
        runtime=job.runtime(plan.encoders.scores),
        gpu=job.gpu(plan.encoders.scores),
    params:
        artefacts=job.artefacts(plan.encoders.scores),
    script:
        "../scripts/score.py"
