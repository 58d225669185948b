"""The identity of an artefact as one key: the same description gives the same key everywhere."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from coldstart.common.errors import ColdstartError

FORMAT = 1
"""Version of the store's format. It is part of every key: a new version finds no old artefact."""

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


def canonical_json(value: Any, where: str = "value") -> str:
    """Return the canonical text of a JSON value: sorted keys, no spaces, ASCII, shortest floats.

    ``1`` and ``1.0`` have different texts, as have ``0.0`` and ``-0.0``: treating such numbers as
    equal could give two recipes one key. Equal recipes still have equal texts, because resolved
    recipes are typed models, in which a number always has the same type. Tuples count as lists.

    Args:
        value: nested dicts with text keys, lists, tuples, str, int, float, bool and None; no
            subclasses of them (a NumPy scalar would change the text with NumPy's version).
        where: a name for the value in errors.

    Raises:
        ColdstartError: a value has another type, or a number is not finite.
    """
    _require_json(value, where)
    return _ENCODER.encode(value)


def digest(value: Any, where: str = "value") -> str:
    """SHA-256 of the canonical JSON of ``value``, as 64 hexadecimal digits."""
    return _sha256(canonical_json(value, where))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def description_key(stage: Any, recipe: Any, inputs: Any, code: Any) -> str:
    """Key of an artefact, from its description with ``inputs`` as ``{name: key}``."""
    described = {"stage": stage, "recipe": recipe, "inputs": inputs, "code": code}
    return digest({"format": FORMAT, **described}, f"description of {stage}")


@dataclass(frozen=True)
class Reference:
    """The keys of an input whose whole identity is not at hand, as inside a job."""

    key: str
    recipe_key: str


@dataclass(frozen=True, eq=False)
class Identity:
    """All that determines the content of an artefact; nothing about machine, path or time.

    Two identities are equal when their keys are.
    """

    stage: str
    """Name of the stage that makes it, such as ``pretrain``."""
    recipe: Mapping[str, Any]
    """The resolved recipe with its seed: every number that the stage reads. It is copied."""
    inputs: Mapping[str, "Identity | Reference"]
    """Inputs, by the name that the stage gives each."""
    code: str
    """Fingerprint of the code that makes it (see ``coldstart.planning.fingerprint``)."""
    _recipe_text: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        text = canonical_json(dict(self.recipe), f"recipe of {self.stage}")
        object.__setattr__(self, "_recipe_text", text)
        object.__setattr__(self, "recipe", json.loads(text))
        object.__setattr__(self, "inputs", dict(self.inputs))

    @cached_property
    def key(self) -> str:
        """64 hexadecimal digits that name the artefact in every store."""
        return _sha256(self._description(inputs=self.input_keys, code=self.code))

    @cached_property
    def recipe_key(self) -> str:
        """The key without any code: neither this stage's nor that of an input.

        It finds the artefacts that other code made from the same recipe.
        """
        inputs = {name: made_from.recipe_key for name, made_from in self.inputs.items()}
        return _sha256(self._description(inputs=inputs))

    def _description(self, **others: Any) -> str:
        """Return the canonical text that ``description_key`` hashes.

        The recipe, which is nearly all of it, is put in as text: a plan has up to 100,000
        artefacts. Its name is the last but one of all.
        """
        before = canonical_json({"format": FORMAT, **others}, f"description of {self.stage}")
        return f'{before[:-1]},"recipe":{self._recipe_text},"stage":{json.dumps(self.stage)}}}'

    @property
    def input_keys(self) -> dict[str, str]:
        """The keys of the inputs, by name."""
        return {name: made_from.key for name, made_from in self.inputs.items()}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Identity) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


def _require_json(value: Any, where: str) -> None:
    """Refuse a value that has no canonical text."""
    kind = type(value)
    if kind is dict:
        for key, member in value.items():
            if type(key) is not str:
                raise ColdstartError(
                    f"{where}: the key {key!r} is not text, so it has no JSON form."
                )
            _require_json(member, f"{where}.{key}")
    elif kind in (list, tuple):
        for position, member in enumerate(value):
            _require_json(member, f"{where}[{position}]")
    elif kind is float:
        if not math.isfinite(value):
            raise ColdstartError(
                f"{where} is {value}: only finite numbers can be part of a recipe."
            )
    elif value is not None and kind not in (str, int, bool):
        raise ColdstartError(
            f"{where} is {value!r} of type {kind.__module__}.{kind.__qualname__}: "
            "a recipe holds plain text, numbers, true, false, null, lists and mappings only."
        )
