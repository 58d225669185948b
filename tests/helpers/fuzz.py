"""Hostile settings, manifests and bundles: each ends in success or in a sentence.

A script, run by ``test_fuzz.py`` in a process of its own, so that a hang or a gigabyte of memory is
seen. Each case is drawn from (seed, number), so one can be repeated:
``python tests/helpers/fuzz.py settings 12 1``.
"""

import contextlib
import copy
import io
import json
import os
import random
import resource
import shutil
import signal
import sys
import tarfile
import tempfile
import traceback
from pathlib import Path

import yaml

from coldstart import cli
from coldstart.common.errors import ColdstartError
from coldstart.config.load import load
from coldstart.planning.plan import Plan
from coldstart.store import Identity, Store, bundle, unpack
from coldstart.store.objects import _verified

ROOT = Path(__file__).parents[2]
SECONDS = 20
"""A case that takes longer counts as a hang, on a machine with other work too."""
MEGABYTES = 1000

VALUES = [
    None, True, -1, 0, 1, 3.5, 1e308, float("inf"), float("nan"), 10**12, 10**30, "", "x" * 10_000,
    "a_b", "../..", "/", "é\u0301", "\u202e", "=1+1", "</script>", "a: b", "~", "$HOME", [], {},
    [[]], [None], {"a": {"b": 1}}, {"": 1}, [1, "a"], {1: 2}, list(range(5000)), "2024-13-45",
]  # fmt: skip
BYTES = [
    b"\x00", b"\xff\xfe", b"\t", b"- ", b": ", b"&a ", b"*a", b"!!int ", b"{", b"[" * 200, b"\xe9",
    b"? ", b"<<: ", b"'", b"\n---\n", b"1" * 5000, b"%", b"#", b"|", b"\r",
]  # fmt: skip
NAMES = ["../out", "/etc/out", "a\\b", "bundle.json", "x" * 300]


def places(content, above=()):
    """The path to each value in nested mappings and lists."""
    members = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in members:
        yield (*above, key)
        if isinstance(value, dict | list):
            yield from places(value, (*above, key))


def spoil(content, rng):
    """Change one value or key somewhere in JSON-like content, in place."""
    *above, key = rng.choice(list(places(content)))
    for step in above:
        content = content[step]
    match rng.randrange(5) if isinstance(content, dict) else 0:
        case 0 | 1:
            content[key] = copy.deepcopy(rng.choice(VALUES))
        case 2:
            del content[key]
        case 3:
            content[f"{key}x"] = content.pop(key)
        case 4:
            content[rng.choice(["extra", "baseline", "seed", 7, ""])] = content[key]


def spoil_text(text, rng):
    """Put bytes that do harm somewhere into a text, or cut it."""
    at = rng.randrange(len(text))
    return text[:at] + (b"" if rng.random() < 0.2 else rng.choice(BYTES) + text[at:])


class Settings:
    """Recipes, studies and settings, of which one file is spoilt."""

    def __init__(self, folder):
        self.root = folder / "workflow"
        for name in ("recipes", "studies"):
            shutil.copytree(ROOT / "workflow" / name, self.root / name)
        self.config = folder / "config.yaml"
        shutil.copy(ROOT / "config.yaml", self.config)
        self.files = [*sorted(self.root.rglob("*.yaml")), self.config]

    def try_one(self, rng):
        """Load what was spoilt, and plan the first study."""
        file = rng.choice(self.files)
        whole = file.read_bytes()
        if rng.random() < 0.3:
            file.write_bytes(spoil_text(whole, rng))
        else:
            content = yaml.safe_load(whole)
            spoil(content, rng)
            file.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
        try:
            self._plan()
        finally:
            file.write_bytes(whole)
        return file.name

    def _plan(self):
        try:
            given = yaml.safe_load(self.config.read_bytes())
        except (yaml.YAMLError, ValueError, RecursionError, TypeError):
            given = {}  # Snakemake's own reader fails before ours; the file is read again below
        settings = given if isinstance(given, dict) else {}
        loaded = load(settings, [self.config], self.root)
        plan = Plan(loaded, Store(self.root / "store"))
        for study in loaded.config.studies[:1]:
            recipe = plan.recipes.get("studies", study)
            for name in recipe.figures:
                plan.figures.target_params(study, "figures", name)


class Manifests:
    """A store of which one manifest is spoilt."""

    def __init__(self, folder):
        self.store = Store(folder / "store")
        self.images = Identity("images", {"source": "digits"}, {}, "c" * 64)
        self.model = Identity("pretrain", {"epochs": 3}, {"images": self.images}, "c" * 64)
        for identity in (self.images, self.model):
            with self.store.publishing(identity, {"seconds": 1.5, "peak_mb": 300}) as draft:
                (draft / "table.bin").write_bytes(b"0123456789" * 50)

    def try_one(self, rng):
        """List, show, verify and open what was spoilt."""
        identity = rng.choice([self.images, self.model])
        folder = self.store.root / "objects" / identity.key[:2] / identity.key
        manifest = folder / "manifest.json"
        whole = manifest.read_bytes()
        manifest.chmod(0o644)
        if rng.random() < 0.4:
            manifest.write_bytes(spoil_text(whole, rng))
        else:
            content = json.loads(whole)
            spoil(content, rng)
            manifest.write_text(json.dumps(content))
        _verified.clear()
        try:
            for command in (["list"], ["list", "--json"], ["verify"], ["show", identity.key]):
                cli.main(["store", *command, "--store", str(self.store.root)])
            self.store.others(self.model.recipe_key)
            self.store.open(identity.key)
        finally:
            manifest.write_bytes(whole)
        return "manifest.json"


class Bundles:
    """A bundle that is spoilt: its contents, or its bytes."""

    def __init__(self, folder):
        source = Manifests(folder / "source")
        self.folder, self.file = folder, folder / "study.tar"
        artefacts = [source.store.open(one.key) for one in (source.images, source.model)]
        bundle.write(self.file, "study", "smoke", artefacts, {})
        with tarfile.open(self.file) as archive:
            self.members = [(one, archive.extractfile(one).read()) for one in archive]

    def try_one(self, rng):
        """Import what was spoilt."""
        spoilt = self.folder / "spoilt.tar"
        if rng.random() < 0.3:
            spoilt.write_bytes(spoil_text(self.file.read_bytes(), rng))
        else:
            self._write(spoilt, rng)
        target = Store(self.folder / f"target-{rng.randrange(10**9)}")
        try:
            unpack.read(spoilt, target)
        finally:
            shutil.rmtree(target.root, ignore_errors=True)
        return "spoilt.tar"

    def _write(self, file, rng):
        chosen = rng.randrange(len(self.members))
        with tarfile.open(file, "w") as archive:
            for position, (member, content) in enumerate(self.members):
                member = copy.copy(member)
                if position == chosen and member.name.endswith(".json") and rng.random() < 0.8:
                    told = json.loads(content)
                    spoil(told, rng)
                    content = json.dumps(told).encode()
                elif position == chosen:
                    member.name = rng.choice(
                        ["../out", "/etc/out", "a\\b", "bundle.json", "x" * 300]
                    )
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))


KINDS = {"settings": Settings, "manifests": Manifests, "bundles": Bundles}


def hung(number, frame):
    """End a case that takes too long."""
    raise TimeoutError(f"took more than {SECONDS} s")


def run(kind, first, count):
    """Try cases one after the other; returns how many failed."""
    failures = 0
    signal.signal(signal.SIGALRM, hung)
    with tempfile.TemporaryDirectory() as name:
        subject = KINDS[kind](Path(name))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for case in range(first, first + count):
            signal.alarm(SECONDS)
            try:
                with (
                    contextlib.redirect_stdout(io.StringIO()),
                    contextlib.redirect_stderr(io.StringIO()),
                ):
                    subject.try_one(random.Random(f"{kind} {case}"))
            except ColdstartError as error:
                if len(str(error).strip()) < 20:
                    failures += 1
                    print(f"{kind} {case}: says too little: {error}")
            except Exception:
                failures += 1
                print(f"{kind} {case}:\n{traceback.format_exc()}")
            finally:
                signal.alarm(0)
            used = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            if used > MEGABYTES:
                print(f"{kind} {case}: took {used:.0f} MB")
                return failures + 1
    return failures


if __name__ == "__main__":
    os.environ.pop("COLDSTART_STORE", None)
    sys.exit(1 if run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])) else 0)
