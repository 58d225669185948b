"""Several stores used as one: first the user's own, then those of others, such as the team's."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from coldstart.common.errors import ColdstartError
from coldstart.store.artefact import Artefact
from coldstart.store.objects import SETTING, Store

log = logging.getLogger("coldstart")
T = TypeVar("T")


class LayeredStore(Store):
    """The store ``root``, and others that are searched, in order, for artefacts that it lacks.

    Publishing, discarding, sweeping and listing concern the first store alone; the others are only
    read. A copy that is damaged or cannot be read is skipped, with a warning, if a later store has
    a sound one.

    Attributes:
        stores: all stores, in the order in which they are searched.

    Raises:
        ColdstartError: a store is a file, or a store after the first is not there. Its share may
            not be mounted, and without the store all its artefacts would be made again.
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
        """Return the artefact from the first store with a sound copy, verified once per process.

        Raises:
            ColdstartError: no store has it, or all copies are damaged; the message is about the
                first copy and names the remedy.
        """
        return self._first(key, Store.open)

    def manifest(self, key: str) -> dict[str, Any]:
        """Return the manifest from the first store where it can be read; files are not verified.

        Raises:
            ColdstartError: no store has it, or it cannot be read in any.
        """
        return self._first(key, Store.manifest)

    def others(self, recipe_key: str) -> list[str]:
        """Keys of the artefacts of a recipe: store by store, newest first in each."""
        found = (key for store in self.stores for key in store.others(recipe_key))
        return list(dict.fromkeys(found))

    def _first(self, key: str, read: Callable[[Store, str], T]) -> T:
        """Return what ``read`` returns for the first store where it does not fail."""
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
    """A store that is only read: it belongs to others, so its errors send the user to its owner."""

    @property
    def _mending(self) -> str:
        return (
            f"Ask its owner to run {self.remedy}, or drop this store from your list ({SETTING}); "
            "Snakemake then makes the artefact again."
        )
