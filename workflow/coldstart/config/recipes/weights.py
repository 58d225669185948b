"""Recipes of weights: where the file lies that holds a network's tensors."""

from typing import Annotated

from pydantic import Field

from coldstart.config.recipes.model import Model

SHA256 = 64
"""Digits of a SHA-256 in hexadecimal."""

Digest = Annotated[str, Field(pattern="^[0-9a-f]{8,64}$")]
"""The SHA-256 of a file, or its first digits: torchvision's file names carry eight."""


class Packaged(Model):
    """A file in an installed package of Python, which is not imported for it."""

    package: str
    """The name that Python imports the package by."""
    file: str
    """The file's path in the package."""
    sha256: Digest


class Published(Model):
    """A file that its publisher serves, fetched where ``download`` is true."""

    url: str
    file: str = ""
    """Its path below ``data_dir``, and below a mirror; unless given, ``weights/`` and the last part
    of the address."""
    sha256: Digest | None = None
    """If none is known, the first file that is fetched or put there is pinned in ``weights.lock``
    in ``data_dir``, and every later one is compared with it."""

    @property
    def place(self) -> str:
        """Path below ``data_dir``, and below a mirror."""
        return self.file or f"weights/{self.url.rstrip('/').rsplit('/', 1)[-1]}"


Weights = str | Packaged | Published
"""A path (a relative one is below ``data_dir``), a file of a package, or a published file. A path
is no part of any key: the digest of the content stands in its place."""
