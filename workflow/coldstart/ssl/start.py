"""The encoder that a training goes on from, where its recipe names one."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coldstart.config.recipes.encoders import ENCODERS, Encoder


@dataclass(frozen=True)
class Start:
    """A trained encoder.

    Attributes:
        folder: where ``pretrain`` wrote it.
        recipe: that it was made by.
    """

    folder: Path
    recipe: Encoder

    @classmethod
    def of(cls, folder: str | Path, recipe: Mapping[str, Any]) -> "Start":
        """From the recipe as it stands in JSON."""
        return cls(Path(folder), ENCODERS.adapter().validate_python(recipe))

    def described(self) -> tuple[str, dict[str, Any]]:
        """Arguments of ``of``, as JSON can hold them."""
        return str(self.folder.absolute()), self.recipe.model_dump()
