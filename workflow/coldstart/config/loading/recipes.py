"""All recipes and studies, read at one scale, checked, and ready to be asked for by name."""

from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Any, cast, get_args

from pydantic import TypeAdapter

from coldstart.common.errors import ColdstartError, nearest
from coldstart.config.loading.names import name_problem
from coldstart.config.loading.patterns import spell_out_scale, spell_out_targets
from coldstart.config.loading.problems import Problems
from coldstart.config.loading.settings import Scale
from coldstart.config.loading.yaml import read_yaml
from coldstart.config.recipes.augmentations import Augmentation
from coldstart.config.recipes.backbones import BACKBONES
from coldstart.config.recipes.datasets import SOURCES
from coldstart.config.recipes.encoders import ENCODERS, Transferred
from coldstart.config.recipes.learners.base import LEARNERS
from coldstart.config.recipes.metrics import METRICS
from coldstart.config.recipes.pools import Pool
from coldstart.config.recipes.predictions import Prediction
from coldstart.config.recipes.probes import Probe
from coldstart.config.recipes.scores import Embedding, Score
from coldstart.config.recipes.studies import Study
from coldstart.selection.base import SAMPLERS


@cache
def kinds() -> dict[str, TypeAdapter[Any]]:
    """Return the type of each kind of recipe, in an order in which the parts come first."""
    return {
        "datasets": SOURCES.adapter(),
        "pools": TypeAdapter(Pool),
        "backbones": BACKBONES.adapter(),
        "augmentations": TypeAdapter(Augmentation),
        "encoders": TypeAdapter(ENCODERS.union(Transferred)),
        "embeddings": TypeAdapter(Embedding),
        "scores": TypeAdapter(Score),
        "samplers": SAMPLERS.adapter(),
        "learners": LEARNERS.adapter(),
        "predictions": TypeAdapter(Prediction),
        "probes": TypeAdapter(Probe),
        "metrics": METRICS.adapter(),
        "studies": TypeAdapter(Study),
    }


PARTS = {
    "encoders": {"backbone": "backbones", "views": "augmentations"},
    "scores": {"views": "augmentations"},
    "learners": {"backbone": "backbones", "views": "augmentations", "method": "encoders"},
    "pools": {"pool": "pools"},
}
"""Keys that name a recipe of another kind, or list several, which then stand in their place."""


UNSOUND = object()


def overlay(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with the keys of ``over`` put over it; mappings merge, all else is replaced."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        mappings = isinstance(value, dict) and isinstance(below, dict)
        merged[key] = overlay(cast(dict[str, Any], below), value) if mappings else value
    return merged


class Recipes:
    """Every recipe by kind and name, resolved at one scale."""

    def __init__(self, scale: Scale) -> None:
        self.scale = scale
        self.files: dict[tuple[str, str], str] = {}
        self._found: dict[str, dict[str, Any]] = {kind: {} for kind in kinds()}

    def add(
        self,
        kind: str,
        name: str,
        raw: Any,
        file: str,
        problems: Problems,
        taken: Collection[str] = (),
    ) -> None:
        """Take one recipe in, or note what is wrong with it.

        Args:
            kind: such as ``samplers``.
            name: of the recipe.
            raw: what the file says of it.
            file: shown in messages.
            problems: takes the mistakes.
            taken: names of all recipes of the kind.
        """
        path = name if kind == "studies" else f"{kind}.{name}"
        if not isinstance(raw, dict):
            problems.add(file, path, f"is {raw!r}, not a mapping")
            return
        wrong = name_problem(name, kind, taken)
        if wrong:
            problems.add(file, path, wrong)
            return
        self.files[kind, name] = file
        scales = raw.get("scales", {})
        if not isinstance(scales, dict) or set(scales) - {"cpu", "smoke"}:
            problems.add(
                file, f"{path}.scales", "holds what `cpu` and `smoke` change, nothing else"
            )
            return
        for scale, changed in scales.items():
            if not isinstance(changed, dict):
                what = f"is {changed!r}, not a mapping of what changes"
                problems.add(file, f"{path}.scales.{scale}", what)
                return
        base = {key: value for key, value in raw.items() if key != "scales"}
        # All scales are checked, so that a mistake does not wait for the run that meets it.
        for scale in get_args(Scale):
            changed = scales.get(str(scale), {})
            if kind == "studies":
                scaled = self._scaled_study(base, changed, file, f"scales.{scale}", problems)
            else:
                scaled = overlay(base, changed)
            recipe = self._resolve(kind, scaled, file, path, problems)
            if recipe is not None and scale == self.scale:
                self._found[kind][name] = recipe

    def _scaled_study(
        self,
        base: dict[str, Any],
        changed: dict[str, Any],
        file: str,
        path: str,
        problems: Problems,
    ) -> dict[str, Any]:
        """A study at one scale, with the patterns that stand for several runs spelt out."""
        runs = base["runs"] if isinstance(base.get("runs"), dict) else {}
        spelt = spell_out_scale(changed, runs, file, path, problems)
        return spell_out_targets(overlay(base, spelt), file, problems)

    def _resolve(
        self, kind: str, raw: dict[str, Any], file: str, path: str, problems: Problems
    ) -> Any:
        """The model, with the recipes that it names put in their place; None if it is not sound."""
        for key, part in PARTS.get(kind, {}).items():
            if key not in raw:
                continue
            listed = isinstance(raw[key], list)
            found = [
                self._part(kind, part, named, file, f"{path}.{key}", problems)
                for named in (raw[key] if listed else [raw[key]])
            ]
            if UNSOUND in found:
                return None
            raw = {**raw, key: found if listed else found[0]}
        return problems.validate(kinds()[kind], raw, file, "" if kind == "studies" else path)

    def _part(
        self, kind: str, part: str, named: Any, file: str, path: str, problems: Problems
    ) -> Any:
        """Return the part that a name stands for; ``UNSOUND`` if that part is not sound."""
        if isinstance(named, dict) and part == kind:  # spelt out in place, of parts in turn
            model = self._resolve(part, named, file, path, problems)
        elif isinstance(named, str):
            if not self.known(part, named):
                hint = nearest(named, self._found[part])
                above = " above" if part == kind else ""
                problems.add(file, path, f"no recipe `{named}`{above} in {part}.yaml{hint}")
            model = self._found[part].get(named)
        else:
            return named
        return UNSOUND if model is None else model.model_dump()

    def names(self, kind: str) -> list[str]:
        """The names of the sound recipes of a kind."""
        return list(self._found[kind])

    def get(self, kind: str, name: str) -> Any:
        """The recipe, as the model of its kind.

        Raises:
            ColdstartError: if there is none; the message names the nearest.
        """
        if name not in self._found[kind]:
            raise ColdstartError(f"{kind}: no `{name}`{nearest(name, self._found[kind])}")
        return self._found[kind][name]

    def known(self, kind: str, name: str) -> bool:
        """Return True if a file defines the recipe, sound or not."""
        return (kind, name) in self.files


def load_recipes(root: Path, scale: Scale, problems: Problems) -> Recipes:
    """Read ``recipes/*.yaml`` and ``studies/*.yaml`` below ``root``, the workflow's folder."""
    recipes = Recipes(scale)
    for kind in kinds():
        if kind == "studies":
            files = {path.stem: path for path in sorted((root / "studies").glob("*.yaml"))}
            for name, path in files.items():
                recipes.add(kind, name, _read(path, problems), _shown(path, root), problems, files)
        else:
            path = root / "recipes" / f"{kind}.yaml"
            found = {str(name): raw for name, raw in _read(path, problems).items()}
            for name, raw in found.items():
                recipes.add(kind, name, raw, _shown(path, root), problems, found)
    return recipes


def _read(path: Path, problems: Problems) -> dict[str, Any]:
    try:
        return read_yaml(path)
    except ColdstartError as error:
        problems.add(str(error), "", "")
        return {}


def _shown(path: Path, root: Path) -> str:
    return str(path.relative_to(root.parent))
