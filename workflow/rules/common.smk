# The plan, which all rules share, and the words that may stand in paths.

from coldstart.planning.snakemake import setup


wildcard_constraints:
    what=r"images|labels",
    dataset=r"[a-z0-9-]+",
    pool=r"[a-z0-9-]+",
    encoder=r"[a-z0-9-]+",
    embedding=r"[a-z0-9-]+",
    score=r"[a-z0-9-]+",
    probe=r"[a-z0-9-]+",
    sampler=r"[a-z0-9-]+",
    study=r"[a-z0-9-]+",
    run=r"[a-z0-9-]+",
    name=r"[a-z0-9-]+",
    seed=r"\d+",
    trial=r"\d+",
    budget=r"\d+",


job = setup(config, workflow)
plan = job.plan
studies = job.config.studies
