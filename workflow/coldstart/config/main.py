"""What a user sets in ``config.yaml`` or with ``--config``."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from coldstart.config.model import Model

Scale = Literal["paper", "cpu", "smoke"]


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _said(value: object) -> object:
    """``true`` and ``false`` as ``--config`` hands them over: as text."""
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


Switch = Annotated[bool, BeforeValidator(_said)]


class Config(Model):
    """The settings of a run. Only ``studies`` and ``scale`` can change a result."""

    studies: Annotated[
        list[str], BeforeValidator(_listed, json_schema_input_type=str | list[str])
    ] = ["quickstart"]
    """The studies that are built when no target is named: files of ``workflow/studies/``."""
    scale: Scale = "cpu"
    """``paper``: what the papers used; ``cpu``: hours at most on a laptop; ``smoke``: seconds."""
    data_dir: str = "data"
    """Where image sets lie, in the layout of ``torchvision.datasets``."""
    download: Switch = False
    """Whether a set that is not in ``data_dir`` may be downloaded there."""
    mirror: str = ""
    """The address of a folder with the layout of ``data_dir`` (archives as published), from which
    missing sets are downloaded instead of from their publishers."""
    store: Annotated[
        list[str],
        BeforeValidator(_listed, json_schema_input_type=str | list[str]),
        Field(min_length=1),
    ] = ["results/store"]
    """Where artefacts live: a folder, or several, of which the first is written to and the others
    are searched after it. The environment variable COLDSTART_STORE wins over a file's ``store``."""
    device: str = "auto"
    """``auto`` (a GPU where there is one), ``cpu``, ``cuda`` or ``cuda:1``."""
    accept_other_code: Switch = False
    """Whether artefacts made from the same recipe by other code are used, with a warning."""
