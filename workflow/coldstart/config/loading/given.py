"""Settings from the command line, taken as they were typed.

Snakemake reads the value of ``--config name=value`` as a number, or else as YAML. For a path that
is wrong: ``#`` begins a comment, ``a: b`` becomes a mapping, and ``0012`` the number 12.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from coldstart.config.loading.settings import Config

TEXTS = {name for name, field in Config.model_fields.items() if field.annotation is str}
"""Settings that are a text and nothing else."""

LISTS = {name for name, field in Config.model_fields.items() if field.annotation == list[str]}
"""Settings that are a list of texts, or a single one."""


def as_typed(settings: Mapping[str, Any], arguments: Iterable[str]) -> dict[str, Any]:
    """The settings, with each text as it stands on the command line.

    Quotes around a whole value go, as Snakemake takes them off. A list in brackets is YAML where a
    setting takes one.

    Args:
        settings: what Snakemake made of the configuration files and ``--config``.
        arguments: the ``name=value`` of ``--config``.
    """
    taken = dict(settings)
    for argument in arguments:
        name, _, value = argument.partition("=")
        text = _unquoted(value)
        if name in TEXTS or (name in LISTS and not text.lstrip().startswith("[")):
            taken[name] = text
    return taken


def _unquoted(value: str) -> str:
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if quoted else value
