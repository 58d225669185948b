"""Jobs and their inputs, as stages and scripts are given them."""

from pathlib import Path

from coldstart.running.job import Job
from coldstart.running.settings import Settings
from coldstart.store import Artefact


def artefact_in(folder, recipe=None, key="k" * 64):
    """An artefact whose files are those of a folder, outside of any store.

    Args:
        folder: holds its files already.
        recipe: of its manifest.
        key: its key.
    """
    files = {path.name: {} for path in folder.iterdir() if path.is_file()}
    manifest = {"stage": "test", "recipe": recipe or {}, "files": files}
    return Artefact(key, folder, manifest)


def make_job(out, recipe, inputs, gpus=0, **settings):
    """A job of a stage, on the CPU unless the settings name a device.

    Args:
        out: the folder that it writes to; made here.
        recipe: what the plan resolved.
        inputs: artefacts by name.
        gpus: number of GPUs that it asked for.
        settings: fields of ``Settings``.
    """
    out.mkdir(exist_ok=True)
    resume = out.with_name(f"resume-{out.name}")
    return Job(recipe, inputs, out, resume, Settings(**{"device": "cpu"} | settings), gpus)


def script_job(output, rule="figure", wildcards=(), log="job.log", **params):
    """The object that Snakemake gives to a script.

    Args:
        output: paths of the files that it writes.
        rule: its name.
        wildcards: values by name.
        log: the file of its log.
        params: those of the rule.
    """
    from snakemake import iocontainers  # not at the top: most tests need no Snakemake

    return iocontainers.Snakemake(
        input_=iocontainers.InputFiles(),
        output=iocontainers.OutputFiles([str(path) for path in output]),
        params=iocontainers.Params(fromdict=params),
        wildcards=iocontainers.Wildcards(fromdict=dict(wildcards)),
        threads=1,
        resources=iocontainers.ResourceList(fromdict={}),
        log=iocontainers.Log([str(log)]),
        config={},
        rulename=rule,
        bench_iteration=None,
        scriptdir=str(Path.cwd()),
    )
