"""The catalogue of a store: all its manifests, read once, and descriptions of its artefacts."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from coldstart.common.errors import ColdstartError
from coldstart.common.progress import Progress
from coldstart.store.objects import Store

# Names in a recipe whose values describe an artefact.
_OWN = ("sampler", "score", "statistic", "learner")
# Names whose values describe an artefact also if they stand in the recipe of an input.
_INHERITED = ("method", "epochs", "seed", "dataset")
_ALIASES = {"encoder_seed": "seed", "source": "dataset"}
_PHRASES = {"epochs": "{} epochs", "seed": "seed {}"}


@dataclass(frozen=True)
class Entry:
    """One artefact as its manifest describes it; its files are not read."""

    key: str
    manifest: Mapping[str, Any]

    @property
    def stage(self) -> str:
        """The stage that made it."""
        return str(self.manifest["stage"])

    @property
    def inputs(self) -> dict[str, str]:
        """The keys of its inputs, by name."""
        return {str(name): str(key) for name, key in self.manifest["inputs"].items()}

    @property
    def bytes(self) -> int:
        """The size of its files."""
        return sum(entry["bytes"] for entry in self.manifest["files"].values())

    @property
    def at(self) -> float:
        """The time of its making, in seconds since 1970; 0 if its manifest does not record it."""
        try:
            return datetime.fromisoformat(str(self.manifest["made"].get("at"))).timestamp()
        except ValueError:
            return 0.0

    @property
    def by(self) -> str:
        """The user who made it."""
        return str(self.manifest["made"].get("by", "?"))


class Catalogue:
    """The contents of a store.

    Attributes:
        store: the store.
        entries: the artefacts, by key.
        unreadable: for each artefact without a readable manifest, the error, by key.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.entries: dict[str, Entry] = {}
        self.unreadable: dict[str, ColdstartError] = {}
        self._facts: dict[str, dict[str, Any]] = {}
        keys = store.keys()
        progress = Progress(f"read manifests of {store.root}", len(keys))
        for key in keys:
            try:
                self.entries[key] = Entry(key, store.manifest(key))
            except ColdstartError as error:
                self.unreadable[key] = error
            progress.advance()

    def inputs(self, key: str) -> list[str]:
        """The keys of an artefact's inputs; none if it is not in the catalogue."""
        return list(self.entries[key].inputs.values()) if key in self.entries else []

    def uses(self) -> Counter[str]:
        """Count, for each key, the artefacts that have it as a direct input."""
        return Counter(made_from for key in self.entries for made_from in set(self.inputs(key)))

    def words(self, key: str) -> str:
        """Describe an artefact in words: ``kmeans byol 100 epochs seed 0 cifar10``."""
        facts = self._facts_of(key)
        named = (name for name in (*_OWN, *_INHERITED) if name in facts)
        return " ".join(_PHRASES.get(name, "{}").format(facts[name]) for name in named)

    def tree(self, key: str) -> Iterator[str]:
        """Yield an artefact and all its inputs, down to the data, as the lines of a tree."""
        yield self._line(key)
        yield from self._branches(key, "", {key})

    def _branches(self, key: str, indent: str, shown: set[str]) -> Iterator[str]:
        inputs = self.entries[key].inputs if key in self.entries else {}
        for position, (name, made_from) in enumerate(inputs.items(), start=1):
            corner, below = ("└── ", "    ") if position == len(inputs) else ("├── ", "│   ")
            again = made_from in shown and bool(self.inputs(made_from))
            yield f"{indent}{corner}{name}: {self._line(made_from)}{'  (above)' * again}"
            if not again:
                shown.add(made_from)
                yield from self._branches(made_from, indent + below, shown)

    def _line(self, key: str) -> str:
        if key in self.entries:
            return f"{self.entries[key].stage} {key[:12]}  {self.words(key)}".rstrip()
        return f"{key[:12]}  ({'cannot be read' if key in self.unreadable else 'missing'})"

    def _facts_of(self, key: str) -> dict[str, Any]:
        """Return the values that describe an artefact, by name.

        They are from its own recipe and, for the names that are inherited, from its inputs.
        """
        if key not in self._facts:
            facts: dict[str, Any] = {}
            # Stored before the inputs are visited: an edited manifest may be its own input.
            self._facts[key] = facts
            if key in self.entries:
                facts.update(_leaves(self.entries[key].manifest["recipe"]))
            for made_from in self.inputs(key):
                for name, value in self._facts_of(made_from).items():
                    if name in _INHERITED:
                        facts.setdefault(name, value)
        return self._facts[key]


def only_key(keys: Iterable[str], prefix: str, where: str) -> str:
    """Return the only one of ``keys`` that starts with ``prefix``.

    Args:
        keys: all keys to search.
        prefix: the first digits of a key, or all of them.
        where: the place of the keys, for the error.

    Raises:
        ColdstartError: no key starts with ``prefix``, or several do.
    """
    found = [key for key in keys if prefix and key.startswith(prefix)]
    if not found:
        raise ColdstartError(
            f"No key in {where} starts with {prefix!r}: see `coldstart store list`."
        )
    if len(found) > 1:
        shown = ", ".join(key[:16] for key in found[:3])
        raise ColdstartError(
            f"{len(found)} keys in {where} start with {prefix!r} ({shown}, ...): give more digits."
        )
    return found[0]


def closure(keys: Iterable[str], inputs: Callable[[str], Iterable[str]]) -> list[str]:
    """Return ``keys`` and all their direct and indirect inputs, each key after its own inputs.

    Args:
        keys: the keys to start from.
        inputs: returns the keys of the direct inputs of a key.
    """
    order: dict[str, None] = {}
    entered: set[str] = set()
    # A key is pushed a second time, below its inputs, and takes its place in the order after them.
    stack = [(key, False) for key in reversed(list(keys))]
    while stack:
        key, inputs_done = stack.pop()
        if inputs_done:
            order[key] = None
        elif key not in entered:
            entered.add(key)
            stack.append((key, True))
            stack += [(made_from, False) for made_from in inputs(key)]
    return list(order)


def _leaves(recipe: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the names and values in a recipe, at any depth, that describe an artefact."""
    for name, value in recipe.items():
        name = _ALIASES.get(name, name)
        if isinstance(value, dict):
            yield from _leaves(value)
        elif name in (*_OWN, *_INHERITED) and isinstance(value, str | int):
            yield name, value
