"""An artefact that was opened for reading."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coldstart.common.errors import ColdstartError


@dataclass(frozen=True)
class Artefact:
    """A verified object of the store, to be read and never written to."""

    key: str
    folder: Path
    manifest: dict[str, Any]

    def path(self, name: str) -> Path:
        """The path of the file ``name``.

        Raises:
            ColdstartError: the artefact has no such file.
        """
        if name not in self.manifest["files"]:
            there = ", ".join(sorted(self.manifest["files"]))
            raise ColdstartError(
                f"Artefact {self.key} ({self.manifest['stage']}) has no file {name!r}; "
                f"it has {there}."
            )
        return self.folder / name
