"""Several stores as one: a user's own over those of others, such as the team's."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from coldstart.errors import ColdstartError
from coldstart.store.artefact import Artefact
from coldstart.store.objects import SETTING, Store

log = logging.getLogger("coldstart")
T = TypeVar("T")


class LayeredStore(Store):
    """The store ``root`` over others: what it lacks is looked for in the next, in their order.

    Publishing, discarding, sweeping and listing are the first store's alone; the others are only
    read. A copy that cannot be read or is damaged is passed over, with a warning, if there is a
    sound one further down.

    Attributes:
        stores: each of the stores, for what concerns one of them.

    Raises:
        ColdstartError: a store is a file, or one after the first is not there: it may be a share
            that is not mounted, and passing over it would make all that is in it again.
    """

    def __init__(self, root: Path, *below: Path) -> None:
        super().__init__(root)
        self.stores: tuple[Store, ...] = (Store(root), *map(_Lower, below))
        for store in self.stores:
            if store.root.is_file():
                raise ColdstartError(
                    f"The store {store.root} is a file: name a folder instead, in {SETTING}."
                )
        for store in self.stores[1:]:
            store.require_folder()

    def has(self, key: str) -> bool:
        """Return True if any of the stores has the artefact."""
        return any(store.has(key) for store in self.stores)

    def open(self, key: str) -> Artefact:
        """The artefact from the first store with a sound copy; verified once in a process.

        Raises:
            ColdstartError: no store has it, or all copies are damaged; the message is about the
                first of them and says what to do.
        """
        return self._first(key, Store.open)

    def manifest(self, key: str) -> dict[str, Any]:
        """The manifest from the first store where it can be read; files are not verified.

        Raises:
            ColdstartError: there is none, or none can be read.
        """
        return self._first(key, Store.manifest)

    def others(self, recipe_key: str) -> list[str]:
        """Keys of the artefacts of a recipe: store by store, newest first in each."""
        found = (key for store in self.stores for key in store.others(recipe_key))
        return list(dict.fromkeys(found))

    def _first(self, key: str, read: Callable[[Store, str], T]) -> T:
        failures: list[ColdstartError] = []
        for store in self.stores:
            try:
                if not store.has_folder(key):
                    continue
                found = read(store, key)
            except ColdstartError as error:
                failures.append(error)
            else:
                for failure in failures:
                    log.warning("%s Until then the copy in %s is used.", failure, store.root)
                return found
        raise failures[0] if failures else self._missing(key)

    @property
    def _where(self) -> str:
        if len(self.stores) == 1:
            return super()._where
        return "any of the stores " + ", ".join(str(store.root) for store in self.stores)


class _Lower(Store):
    """A store that is read and belongs to others, who are the ones to mend it."""

    @property
    def _mending(self) -> str:
        return (
            f"Ask its owner to run {self.remedy}, or drop this store from your list ({SETTING}); "
            "Snakemake then makes the artefact again."
        )
