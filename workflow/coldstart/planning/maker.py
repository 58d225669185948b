"""The maker of plans: it names every artefact by its key, and knows what the stores have.

All of it is cheap and imports no torch: a Snakefile is parsed anew in every cluster job.
"""

import hashlib
import logging
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from coldstart.config.load import Loaded
from coldstart.planning.artefact import Planned
from coldstart.planning.fingerprint import classes_of, fingerprint, modules_of
from coldstart.running.places import said
from coldstart.store import Identity, Reference, Store
from coldstart.store.descent import is_of_recipe, manifests_of
from coldstart.store.pointers import pointed_at

log = logging.getLogger("coldstart")

FORMER = Path("results/store")
"""The default store: what is lost elsewhere may lie there from before a change of `store`."""


class Maker:
    """Plans artefacts from their stage, recipe, inputs and code.

    Args:
        loaded: the settings, and all recipes and studies.
        store: where artefacts are looked for.

    Attributes:
        places: paths of the user's own files that jobs read, by their digest.
        said: marks of the remarks that were printed.
    """

    def __init__(self, loaded: Loaded, store: Store) -> None:
        self.config, self.recipes, self.store = loaded.config, loaded.recipes, store
        self.planned: dict[tuple[object, ...], Planned] = {}
        self._manifests = manifests_of(store)
        former = FORMER.resolve()
        searched = former.is_dir() and store.root.resolve() != former
        self._former = Store(FORMER) if searched else None
        self._code: dict[int, tuple[Any, tuple[str, ...], frozenset[type]]] = {}
        self._warned = False
        self.places: dict[str, list[Path]] = {}
        self.said = dict.fromkeys(said())

    def say_once(self, remark: str) -> None:
        """Print a remark unless this process, or one that started it, has done so."""
        mark = hashlib.sha256(remark.encode()).hexdigest()[:16]
        if mark not in self.said:
            self.said[mark] = None
            log.warning("%s", remark)

    def plan(
        self,
        pointer: str,
        stage: str,
        recipe: Mapping[str, Any],
        inputs: Mapping[str, Planned],
        *modules: str,
        model: Any = None,
        output: str = "",
    ) -> Planned:
        """Plan an artefact of the store.

        Args:
            pointer: the file that a job writes when it has made it.
            stage: makes it.
            recipe: the resolved recipe.
            inputs: are read.
            modules: the stage's module, and those that it imports by names from other recipes.
            model: the recipe as its class: the modules that it names count, and the methods that
                these call.
            output: the declared output of the job, where that makes several artefacts.
        """
        named, recipes = self._code_of(model)
        modules = tuple(dict.fromkeys((*modules, *named)))
        identity = Identity(
            stage=stage,
            recipe=recipe,
            inputs={
                name: Reference(planned.key, planned.identity.recipe_key)
                for name, planned in inputs.items()
            },
            code=fingerprint(*modules, recipes=recipes),
        )
        key = self._usable(identity, pointer)
        code = identity.code if key == identity.key else self.store.manifest(key)["code"]
        return Planned(identity, key, code, pointer, inputs, modules, recipes, output)

    def _code_of(self, model: Any) -> tuple[tuple[str, ...], frozenset[type]]:
        """The modules that a recipe names and the classes in it, found once for each recipe."""
        if id(model) not in self._code:
            # With the recipe itself, so that no other one gets its number.
            self._code[id(model)] = (model, modules_of(model), classes_of(model))
        return self._code[id(model)][1:]

    def _usable(self, identity: Identity, pointer: str) -> str:
        """The identity's key, or that of the accepted artefact of other code."""
        if not self.config.accept_other_code or self.store.has(identity.key):
            return identity.key
        for other in self.store.others(identity.recipe_key):
            if is_of_recipe(other, identity, self._manifests):
                break
        else:
            return identity.key
        manifest = self.store.manifest(other)
        log.warning(
            "%s: using %s, which %s made from the same recipe with other code: %s, commit %s",
            pointer,
            other[:12],
            manifest["made"].get("by", "somebody"),
            manifest["code"][:12],
            manifest["made"].get("commit") or "unknown",
        )
        return other

    # Answers to Snakemake.

    def need(self, artefacts: Iterable[Planned]) -> list[str]:
        """The pointers that a job waits for: none for what the store has already.

        An artefact that was made in this clone keeps its pointer among the inputs, because a job
        whose inputs change from one run to the next would be run again.
        """
        needed = []
        for planned in artefacts:
            stored = self.store.has(planned.key)
            pointed = pointed_at(Path(planned.pointer)) == planned.key
            if not stored and not self._warned:
                self._warn_of_another_store(planned, pointed)
            if pointed or not stored:
                needed.append(planned.waits_for)
        return list(dict.fromkeys(needed))

    def all_planned(self) -> dict[str, str]:
        """The key of each pointer's path, as far as anything has asked for it."""
        return {planned.pointer: planned.key for planned in self.planned.values()}

    def lost(self, pointers: Iterable[str]) -> str:
        """A message about the first of these pointers whose artefact no store has; or nothing."""
        planned = self.all_planned()
        for pointer in pointers:
            key = planned.get(pointer)
            if key and pointed_at(Path(pointer)) == key and not self.store.has(key):
                return f"{pointer} names an artefact that no store has. {self._recovery(key)}"
        return ""

    def _warn_of_another_store(self, planned: Planned, pointed: bool) -> None:
        """Say once in a run that artefacts lie, or lay, in a store that is not searched."""
        if pointed or self._is_in_former(planned.key):
            self._warned = True
            log.warning(
                "No store has some artefacts that this clone had, such as %s. %s",
                planned.pointer,
                self._recovery(planned.key),
            )

    def _is_in_former(self, key: str) -> bool:
        return self._former is not None and self._former.has(key)

    def _recovery(self, key: str) -> str:
        """Say in sentences how to get an artefact back that no store has."""
        own = self.store.root
        again = "`coldstart store verify --heal` removes such pointers, and it is made again"
        if self._is_in_former(key):
            return (
                f"{FORMER} has it: search both, with `store: [{own}, {FORMER}]` in config.yaml or "
                f"COLDSTART_STORE={own}{os.pathsep}{FORMER}; or copy what is there: "
                f"`coldstart store copy {FORMER} {own}`. Otherwise {again}."
            )
        return (
            "If another store has it, add that to `store` in config.yaml or to COLDSTART_STORE. "
            f"If none has, {again}."
        )
