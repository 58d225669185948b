"""Recipe of embeddings that were made elsewhere."""

from typing import Annotated, Literal

from pydantic import AfterValidator

from coldstart.config.recipes.encoders import Encoder

TABLES = (".npy", ".npz", ".parquet", ".csv")
"""Endings of the names of files of embeddings, in upper or lower case."""


def check_embeddings(path: str) -> str:
    """Accept the name of a file of embeddings, or its digest, as a planned recipe has it.

    Raises:
        ValueError: it ends otherwise.
    """
    if not path.startswith("sha256:") and not path.lower().endswith(TABLES):
        raise ValueError(f"should be a {', '.join(TABLES[:-1])} or {TABLES[-1]} file, not {path!r}")
    return path


class Given(Encoder):
    """A table with an embedding of each image: no network is needed, and none is there."""

    method: Literal["given"]
    embeddings: Annotated[str, AfterValidator(check_embeddings)]
    """The file; a relative path is one below ``data_dir``. It is no part of any key: the digest of
    its content stands in its place."""

    @property
    def dim(self) -> int:
        """Size of an embedding: a guess, since it shows only when the file is read."""
        return 1024

    def macs(self, height: int, width: int, channels: int) -> float:
        """Multiply-adds that embed one image: none."""
        return 0

    def activations(self, height: int, width: int, channels: int) -> float:
        """Numbers that are put out on the way: none."""
        return 0
