# Images and labels of a data set, and the pools made of them.


rule ingest:
    """Read a data set once: its images, or apart from them its labels."""
    input:
        job.sources(),
    output:
        "results/data/{dataset}/{what}.json",
    log:
        "results/logs/data/{dataset}/{what}.log",
    conda:
        "../../envs/coldstart.yaml"
    threads: job.reading_threads(8)
    resources:
        mem_mb=job.mem_mb(plan.data.ingested),
        runtime=job.runtime(plan.data.ingested),
    params:
        artefacts=job.artefacts(plan.data.ingested),
    script:
        "../scripts/ingest.py"


rule mix:
    """Put outliers of another data set among a pool's images, or into its labels."""
    input:
        job.inputs(plan.data.mixed),
    output:
        "results/data/mixed/{pool}/{what}.json",
    log:
        "results/logs/data/mixed/{pool}/{what}.log",
    conda:
        "../../envs/coldstart.yaml"
    threads: 1
    resources:
        mem_mb=job.mem_mb(plan.data.mixed),
        runtime=job.runtime(plan.data.mixed),
    params:
        artefacts=job.artefacts(plan.data.mixed),
    script:
        "../scripts/mix.py"


rule pool:
    """Divide a data set's images into splits; reads images and, if there are any, labels."""
    input:
        job.inputs(plan.data.index),
    output:
        "results/data/pools/{pool}.json",
    log:
        "results/logs/data/pools/{pool}.log",
    conda:
        "../../envs/coldstart.yaml"
    threads: 1
    resources:
        mem_mb=job.mem_mb(plan.data.index),
        runtime=job.runtime(plan.data.index),
    params:
        artefacts=job.artefacts(plan.data.index),
    script:
        "../scripts/pool.py"
