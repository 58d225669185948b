"""The registry of samplers: every sampler class in a module of ``selection.samplers``."""

import importlib
import inspect
import pkgutil
from functools import cache
from typing import get_args

from coldstart.errors import ColdstartError
from coldstart.selection import samplers
from coldstart.selection.base import Sampler


@cache
def sampler_classes() -> tuple[type[Sampler], ...]:
    """The sampler classes, in the order of their modules' names."""
    found: list[type[Sampler]] = []
    for entry in pkgutil.iter_modules(samplers.__path__):
        name = f"{samplers.__name__}.{entry.name}"
        found += [
            member
            for member in vars(importlib.import_module(name)).values()
            if inspect.isclass(member)
            and issubclass(member, Sampler)
            and member.__module__ == name
            and not inspect.isabstract(member)
        ]
    return tuple(found)


def sampler_class(name: str) -> type[Sampler]:
    """The sampler of this name; it names itself in its field ``sampler``."""
    for found in sampler_classes():
        if name in get_args(found.model_fields["sampler"].annotation):
            return found
    raise ColdstartError(f"there is no sampler `{name}` in coldstart.selection.samplers")
