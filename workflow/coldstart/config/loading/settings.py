"""Settings in ``config.yaml`` or of ``--config``."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from coldstart.common.paths import expand
from coldstart.config.recipes.datasets import ClassName
from coldstart.config.recipes.datasets.folder import Table
from coldstart.config.recipes.datasets.levels import MEASURED, Levels
from coldstart.config.recipes.model import Count, Model, Side
from coldstart.running.settings import Settings

Scale = Literal["paper", "cpu", "smoke"]

Export = Literal["label-studio", "cvat", "folder", "copies"]


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _some_listed(value: object) -> object:
    return [] if value in ("", None) else _listed(value)


def _names(value: object) -> object:
    """Names, of which digits may be some: YAML reads them as numbers."""
    listed = _some_listed(value)
    if not isinstance(listed, list):
        return listed
    return [str(name) if type(name) is int else name for name in listed]


def _distinct(folders: list[str]) -> list[str]:
    twice = next((name for name in folders if folders.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"names `{twice}` twice: drop one of them")
    return folders


def _said(value: object) -> object:
    """``true`` and ``false`` as ``--config`` hands them over: as text."""
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


Switch = Annotated[bool, BeforeValidator(_said)]


class Config(Model):
    """The settings of a run.

    Only ``studies``, ``scale`` and those of the own images can change a result.
    """

    studies: Annotated[
        list[str], BeforeValidator(_listed, json_schema_input_type=str | list[str])
    ] = ["quickstart"]
    """The studies that are built when no target is named: files of ``workflow/studies/``."""
    scale: Scale = "cpu"
    """``paper``: what the papers used; ``cpu``: hours at most on a laptop; ``smoke``: seconds."""
    data_dir: str = "data"
    """The folder with image sets, in the layout of ``torchvision.datasets``."""
    download: Switch = False
    """True: a set that is not in ``data_dir`` may be downloaded there."""
    mirror: str = ""
    """The address of a folder with the layout of ``data_dir`` (archives as published), from which
    missing sets are downloaded instead of from their publishers."""
    store: Annotated[
        list[str],
        BeforeValidator(_listed, json_schema_input_type=str | list[str]),
        AfterValidator(_distinct),
        Field(min_length=1),
    ] = ["results/store"]
    """The folder with artefacts, or several, of which the first is written to and the others are
    searched after it. The environment variable COLDSTART_STORE wins over a file's ``store``."""
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")] = "auto"
    """``auto`` (a GPU where there is one), ``cpu``, ``cuda`` or ``cuda:1``."""
    images_on_gpu: Annotated[float, Field(ge=0, le=1)] = 0.4
    """The share of a GPU's memory that a training's images may take. A larger pool is streamed from
    the store, with the same result; nought streams every pool."""
    deterministic: Switch = False
    """True: a GPU computes the same bits each time, at some cost of speed. A CPU always does."""
    accept_other_code: Switch = False
    """True: artefacts made from the same recipe by other code are used, with a warning."""

    images: str = ""
    """The user's own images: a folder, or an ``.npz`` file. Set, they are what is built."""
    labelled: Annotated[
        list[Table], BeforeValidator(_some_listed, json_schema_input_type=str | list[str])
    ] = []
    """Tables with the columns ``path`` and ``label``: own images that have a label already. One, or
    a list such as ``[first.csv, second.csv]``; exports of Label Studio are such tables."""
    classes: Annotated[
        list[ClassName],
        BeforeValidator(_names, json_schema_input_type=str | list[str]),
    ] = []
    """Names of the classes that own images are labelled with, for ``label-studio.xml``; those of
    ``labelled`` need not be named."""
    export: Annotated[
        list[Export], BeforeValidator(_some_listed, json_schema_input_type=str | list[str])
    ] = ["label-studio"]
    """Tools that the picks are written for: tasks for ``label-studio``, lists for
    ``cvat``, a ``folder`` of links to the picks, or ``copies`` of them. One, or a list."""
    budget: Count = 100
    """Number of own images that the sampler picks; all others are ranked after these."""
    sampler: str = "max-herding"
    """The recipe of the sampler of the own images, in ``workflow/recipes/samplers.yaml``."""
    encoder: str = "efficientnet-lite0"
    """The recipe of their encoder, in ``workflow/recipes/encoders.yaml``."""
    embeddings: str = ""
    """A file with embeddings of the own images, which take the place of an encoder's: ``.npy``,
    ``.npz``, Parquet or CSV."""
    levels: Levels = MEASURED
    """The values of own images of more than 8 bits that become black and white, or ``measured``."""
    image_size: Side | None = None
    """Height and width that the own images are brought to: by the scale where absent."""

    def of_machine(self, stores: tuple[Path, ...]) -> Settings:
        """Take the settings of the machine out of those of a run."""
        return Settings(
            stores=stores,
            data_dir=expand(self.data_dir),
            download=self.download,
            mirror=self.mirror,
            device=self.device,
            images_on_gpu=self.images_on_gpu,
            deterministic=self.deterministic,
        )
