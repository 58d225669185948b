"""Settings of the machine: where things lie and what computes. None of them changes a result.

They reach the jobs as environment variables and not as ``params``, because Snakemake reruns what
has other ``params``, and another path or device is no reason to make anything again.
"""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """Where the store and the image sets are, and what device computes."""

    store: Path = Path("results/store")
    data_dir: Path = Path("data")
    download: bool = False
    device: str = "auto"

    def export(self) -> None:
        """Hand the settings on to every process that this one starts."""
        os.environ["COLDSTART_STORE"] = str(self.store)
        os.environ["COLDSTART_DATA_DIR"] = str(self.data_dir)
        os.environ["COLDSTART_DOWNLOAD"] = "1" if self.download else "0"
        os.environ["COLDSTART_DEVICE"] = self.device

    @classmethod
    def from_environment(cls) -> "Settings":
        """The settings that the Snakefile exported, or the defaults."""
        return cls(
            store=Path(os.environ.get("COLDSTART_STORE", cls.store)),
            data_dir=Path(os.environ.get("COLDSTART_DATA_DIR", cls.data_dir)),
            download=os.environ.get("COLDSTART_DOWNLOAD") == "1",
            device=os.environ.get("COLDSTART_DEVICE", cls.device),
        )
