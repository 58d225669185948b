"""A Snakemake job's call of a stage: one artefact is made, published and pointed to.

Scripts in ``workflow/scripts`` hand over what Snakemake gave them; the stages know neither
Snakemake nor the store.
"""

import json
import logging
import os
import resource
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from coldstart.common.atomic import replacing
from coldstart.common.errors import ColdstartError, full_disk, naming
from coldstart.common.paths import RESULTS
from coldstart.running import slurm
from coldstart.running.gpus import hold_gpus
from coldstart.running.settings import Settings
from coldstart.store import Artefact, Identity, LayeredStore, Reference, Store, leftovers
from coldstart.store.pointers import record_shown

log = logging.getLogger("coldstart")

WORK = RESULTS / leftovers.WORK
"""The folder that a job writes to before its artefact is published."""

RESUME = RESULTS / ".resume"
"""The folder with the states of unfinished trainings, by key; Snakemake does not know it, so it
deletes none."""

TERMINATED = 128 + signal.SIGTERM
"""Exit status of a stage that was told to stop and has saved its state in time."""


@dataclass(frozen=True)
class Job:
    """Everything that a stage is given.

    Attributes:
        recipe: the resolved recipe, every number in it.
        inputs: the artefacts that it is made from, opened and verified.
        out: an empty folder; the files left in it become the artefact.
        resume: a folder of its own that survives a kill.
        settings: where image sets lie and what device computes.
        gpus: how many GPUs the job asked for.
    """

    recipe: Mapping[str, Any]
    inputs: Mapping[str, Artefact]
    out: Path
    resume: Path
    settings: Settings
    gpus: int = 0


def make_artefact(snakemake: Any, make: Callable[[Job], None]) -> None:
    """Make the one artefact of a job: see ``make_artefacts``."""
    stages = {params["stage"]: make for params in snakemake.params.artefacts}
    make_artefacts(snakemake, stages)


def make_artefacts(snakemake: Any, stages: Mapping[str, Callable[[Job], None]]) -> None:
    """Make the artefacts of a job unless the store has them, and write the pointers to them.

    Each is published as soon as it is made, so that a job which is killed goes on after the last.

    Args:
        snakemake: the object that Snakemake gives a script; its ``params.artefacts`` lists what
            ``coldstart.planning.artefact.Planned.params`` gave for each, in the order in which they
            are made.
        stages: the function that makes an artefact, by the name of its stage.
    """
    with _running(snakemake):
        settings = Settings.from_environment()
        store = LayeredStore(*settings.stores)
        told = False
        for params in snakemake.params.artefacts:
            if told:
                raise SystemExit(TERMINATED)
            references = {name: Reference(**keys) for name, keys in params["inputs"].items()}
            identity = Identity(params["stage"], params["recipe"], references, params["code"])
            if store.has(params["key"]):
                log.info("%s: the store has it already (%s)", params["pointer"], params["key"][:12])
            else:
                gpus = snakemake.resources.get("gpu", 0)
                with hold_gpus(gpus):
                    stage = stages[params["stage"]]
                    told = make_and_publish(identity, store, settings, gpus, stage)
            write_pointer(Path(params["pointer"]), store.open(params["key"]))


def make_and_publish(
    identity: Identity,
    store: Store,
    settings: Settings,
    gpus: int,
    make: Callable[[Job], None],
) -> bool:
    """Make it beside the results, then publish: the store's own drafts are for short moments.

    Returns:
        bool: True if SIGTERM came while it was published.
    """
    store.require_writable()
    inputs = {name: store.open(key) for name, key in identity.input_keys.items()}
    resume = RESUME / identity.key
    made: dict[str, Any] = {"resumed": resume.exists()}
    started = time.monotonic()
    with _draft() as draft:
        make(Job(identity.recipe, inputs, draft, resume, settings, gpus))
        with _finishing() as told:
            made |= {
                "seconds": round(time.monotonic() - started, 3),
                "peak_mb": _peak_megabytes(gpus),
                "gpus": gpus if _has_gpu() else 0,
            }
            with store.publishing(identity, made) as folder:
                for file in draft.iterdir():
                    shutil.move(file, folder / file.name)
            shutil.rmtree(resume, ignore_errors=True)
    return bool(told)


@contextmanager
def _finishing() -> Iterator[list[int]]:
    """Note SIGTERM and go on: what is left is short, and to stop here would lose it all."""
    told: list[int] = []
    before = _hear_sigterm(lambda number, frame: told.append(number))
    try:
        yield told
    finally:
        _hear_sigterm(before)


@contextmanager
def _draft() -> Iterator[Path]:
    """Give an empty folder to write to; those that killed jobs have left go first."""
    leftovers.sweep_drafts(WORK)
    draft = WORK / leftovers.unique_name()
    draft.mkdir(parents=True)
    try:
        with leftovers.kept_alive(draft), naming(draft):
            yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _hear_sigterm(handler: Callable[..., Any] | signal.Handlers | int | None) -> Any:
    """Set what SIGTERM does; returns what it did before. Only the main thread can."""
    if threading.current_thread() is threading.main_thread():
        return signal.signal(signal.SIGTERM, handler)
    return None


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(TERMINATED)


def _has_gpu() -> bool:
    """Return True if this process could have used a GPU; torch is not imported to be asked."""
    torch = sys.modules.get("torch")
    return torch is not None and torch.cuda.is_available()


def _peak_megabytes(gpus: int) -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if gpus > 1:  # each has a process of its own, and this is of the largest of them
        peak += gpus * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return peak // (2**20 if sys.platform == "darwin" else 2**10)


def write_pointer(path: Path, artefact: Artefact) -> None:
    """Say, atomically, that an artefact was made here, and which bytes it consists of."""
    manifest = artefact.manifest
    content = {
        "key": artefact.key,
        "stage": manifest["stage"],
        "files": {name: entry["sha256"] for name, entry in manifest["files"].items()},
    }
    path.parent.mkdir(parents=True, exist_ok=True)  # Snakemake makes those of its outputs alone
    with replacing(path) as draft:
        draft.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def run_target(snakemake: Any, draw: Callable[[Any, Store], None], keys: Iterable[str]) -> None:
    """Draw a figure, or write a table or a ranking: a file of this clone, not of the store.

    Args:
        snakemake: the object that Snakemake gives a script.
        draw: writes the outputs.
        keys: the artefacts that it reads, which are recorded for whoever collects garbage.
    """
    with _running(snakemake):
        draw(snakemake, LayeredStore(*Settings.from_environment().stores))
        record_shown(RESULTS, Path(snakemake.output[0]), keys)


@contextmanager
def _running(snakemake: Any) -> Iterator[None]:
    """Log to the terminal and to the job's log; end on a user's mistake without a traceback."""
    path = Path(snakemake.log[0])
    path.parent.mkdir(parents=True, exist_ok=True)
    handlers: list[logging.Handler] = [
        logging.StreamHandler(sys.stderr),
        logging.FileHandler(path, mode="w"),
    ]
    for handler in handlers:
        handler.setFormatter(logging.Formatter(f"[{snakemake.rule}] %(message)s"))
        log.addHandler(handler)
    log.setLevel(logging.INFO)
    _limit_threads(snakemake.threads)
    # At any time it ends a job as it ends a training: with the code that puts it into the queue.
    before = _hear_sigterm(_stop)
    try:
        yield
    except ColdstartError as error:
        log.error("error: %s", error)
        raise SystemExit(1) from None
    except SystemExit as stop:
        if stop.code == TERMINATED:
            slurm.requeue()
        raise
    except Exception as error:
        full = full_disk(error)
        if full is not None:
            place = full.filename2 or full.filename or Path.cwd()
            remedy = "Nothing was published. Free space there and run again"
            log.error("error: Cannot write to %s: %s. %s.", place, full.strerror, remedy)
        else:
            log.exception("%s failed for %s", snakemake.rule, dict(snakemake.wildcards.items()))
        raise SystemExit(1) from None
    finally:
        _hear_sigterm(before)
        for handler in handlers:
            log.removeHandler(handler)
            handler.close()


def _limit_threads(threads: int) -> None:
    """Let numerical libraries use what the job was given. They read this when first imported."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)
