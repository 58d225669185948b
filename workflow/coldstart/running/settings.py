"""Settings of the machine: where things lie and what computes. None of them changes a result.

They reach the jobs as environment variables and not as ``params``, because Snakemake reruns what
has other ``params``, and another path or device is no reason to make anything again.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from coldstart.common.errors import ColdstartError
from coldstart.common.paths import expand


@dataclass(frozen=True)
class Settings:
    """Places of the stores and the image sets, and the device that computes."""

    stores: tuple[Path, ...] = (Path("results/store"),)
    """The own store, which is written to, and after it those that are only read."""
    data_dir: Path = Path("data")
    download: bool = False
    mirror: str = ""
    """A base address that published files are fetched from instead; empty for their own."""
    device: str = "auto"
    images_on_gpu: float = 0.4
    """The share of a GPU's memory that the images of a training may take; more are streamed."""
    deterministic: bool = False

    def export(self) -> None:
        """Hand the settings on to every process that this one starts."""
        os.environ["COLDSTART_STORE"] = os.pathsep.join(map(str, self.stores))
        os.environ["COLDSTART_DATA_DIR"] = str(self.data_dir)
        os.environ["COLDSTART_DOWNLOAD"] = "1" if self.download else "0"
        os.environ["COLDSTART_MIRROR"] = self.mirror
        os.environ["COLDSTART_DEVICE"] = self.device
        os.environ["COLDSTART_IMAGES_ON_GPU"] = str(self.images_on_gpu)
        os.environ["COLDSTART_DETERMINISTIC"] = "1" if self.deterministic else "0"

    @classmethod
    def from_environment(cls) -> "Settings":
        """The settings that the Snakefile exported, or the defaults."""
        return cls(
            stores=choose_stores(None, map(str, cls.stores)),
            data_dir=Path(os.environ.get("COLDSTART_DATA_DIR", cls.data_dir)),
            download=os.environ.get("COLDSTART_DOWNLOAD") == "1",
            mirror=os.environ.get("COLDSTART_MIRROR", cls.mirror),
            device=os.environ.get("COLDSTART_DEVICE", cls.device),
            images_on_gpu=float(os.environ.get("COLDSTART_IMAGES_ON_GPU", cls.images_on_gpu)),
            deterministic=os.environ.get("COLDSTART_DETERMINISTIC") == "1",
        )


def choose_stores(
    given: Iterable[str] | None, configured: Iterable[str], root: Path = Path()
) -> tuple[Path, ...]:
    """The folders of the stores, in the order in which they are searched; the first is the own one.

    What is given on the command line wins over COLDSTART_STORE, and that over the configuration. A
    job finds what its parent found: it gets the same command line, or else the variable.

    Args:
        given: what stands on the command line, if anything does.
        configured: what a configuration file says, or the default.
        root: what relative folders are relative to.

    Raises:
        ColdstartError: a folder's name is empty, or has a variable or a user that is unknown.
    """
    where, listed = "store", configured if given is None else given
    if given is None and os.environ.get("COLDSTART_STORE"):
        where, listed = "COLDSTART_STORE", [os.environ["COLDSTART_STORE"]]
    listed = list(listed)
    for text in listed:
        if os.pathsep in text and Path(text).is_dir():
            raise ColdstartError(
                f"`{where}` has the folder {text!r}, but {os.pathsep!r} separates folders there: "
                "rename it, or link to it from a name without one."
            )
    names = [name for text in listed for name in text.split(os.pathsep)]
    # Duplicates go, so that no store is searched twice.
    return tuple(dict.fromkeys(_expand(name, where, root) for name in names))


def _expand(name: str, where: str, root: Path) -> Path:
    if not name.strip():
        raise ColdstartError(
            f"`{where}` has a folder without a name: write folders, with {os.pathsep!r} between."
        )
    expanded = expand(name.strip())
    unknown = not expanded.exists() and ("$" in str(expanded) or str(expanded).startswith("~"))
    if unknown:
        raise ColdstartError(
            f"`{where}` has {name!r}, in which a variable or a user is unknown: set it, or write "
            "the folder out."
        )
    # Who stands at the root, as most do, is shown the folder as written.
    return expanded if root.resolve() == Path.cwd() else root.resolve() / expanded
