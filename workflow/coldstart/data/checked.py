"""Reading files and verifying their checksums in one pass."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from coldstart.common.errors import ColdstartError

PIECE = 2**22
"""Number of bytes that are read at once, by default."""


def pieces(path: Path, md5: str | None, size: int = PIECE) -> Iterator[bytes]:
    """Yield the bytes of a file in pieces of ``size``; the last one may be shorter.

    Args:
        path: the file.
        md5: its published MD5, or None if it is unknown.
        size: bytes of a piece.

    Raises:
        ColdstartError: raised after the last piece, if the file has another MD5.
    """
    hasher = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while piece := file.read(size):
            if md5 is not None:
                hasher.update(piece)
            yield piece
    if md5 is not None and hasher.hexdigest() != md5:
        raise ColdstartError(
            f"{path} is damaged or of another edition: its MD5 is {hasher.hexdigest()}, but the "
            f"published one is {md5}. Remove the file and fetch it again; if you packed the set "
            "anew, unpack it to image files and read these with `source: folder` (docs/data.md)."
        )


def verify(path: Path, md5: str | None) -> None:
    """Verify the MD5 of a file, before something else reads it.

    Raises:
        ColdstartError: it has another MD5.
    """
    if md5 is not None:
        for _ in pieces(path, md5):
            pass


def content(path: Path, md5: str | None) -> bytes:
    """Read a whole file.

    Raises:
        ColdstartError: it has another MD5.
    """
    return b"".join(pieces(path, md5))


def files_digest(files: Mapping[str, Path]) -> str:
    """Return ``sha256:...`` of what ``sha256sum`` prints for these files, in this order."""
    whole = hashlib.sha256()
    for name, path in files.items():
        hasher = hashlib.sha256()
        for piece in pieces(path, None):
            hasher.update(piece)
        whole.update(f"{hasher.hexdigest()}  {name}\n".encode())
    return f"sha256:{whole.hexdigest()}"
