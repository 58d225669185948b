"""Reading an array of bytes from a MATLAB file (version 5) in pieces; scipy would read it whole."""

import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from coldstart.common.errors import ColdstartError

HEADER = 128
UINT8, MATRIX, COMPRESSED = 2, 14, 15
"""Types of data elements."""
BLOCK = 2**20
"""Number of compressed bytes that are read at once."""


class _Element:
    """The bytes of one variable, decompressed on demand."""

    def __init__(self, file: BinaryIO, size: int, compressed: bool) -> None:
        self._file, self._left = file, size
        self._unpack = zlib.decompressobj() if compressed else None

    def read(self, size: int) -> bytes:
        """Return the next ``size`` bytes, fewer only at the end."""
        found = bytearray()
        while len(found) < size:
            piece = self._some(size - len(found))
            if not piece:
                break
            found += piece
        return bytes(found)

    def _some(self, most: int) -> bytes:
        if self._unpack is None:
            piece = self._file.read(min(most, self._left))
            self._left -= len(piece)
            return piece
        while True:
            packed = self._unpack.unconsumed_tail
            if not packed:
                packed = self._file.read(min(BLOCK, self._left))
                self._left -= len(packed)
            piece = self._unpack.decompress(packed, most)
            if piece or not packed:
                return piece


def shape(path: Path, name: str) -> tuple[int, ...]:
    """Return the shape of the array ``name``.

    Raises:
        ColdstartError: the file has no such array.
    """
    with path.open("rb") as file:
        return _find(file, path, name)[1]


def pieces(path: Path, name: str, size: int) -> Iterator[bytes]:
    """Yield the elements of the byte array ``name`` in pieces of ``size``, the first axis fastest.

    Raises:
        ColdstartError: the file has no such array, or it is not of bytes.
    """
    with path.open("rb") as file:
        element, dimensions, order = _find(file, path, name)
        kind, _ = struct.unpack(f"{order}II", element.read(8))
        if kind != UINT8:
            raise ColdstartError(f"{path}: `{name}` is no array of bytes.")
        left = math.prod(dimensions)
        while left:
            piece = element.read(min(size, left))
            if not piece:
                raise ColdstartError(f"{path} ends within `{name}`: it is incomplete.")
            left -= len(piece)
            yield piece


def _find(file: BinaryIO, path: Path, name: str) -> tuple[_Element, tuple[int, ...], str]:
    """Return the variable, read up to its elements; its shape; and the file's byte order."""
    header = file.read(HEADER)
    order = {b"IM": "<", b"MI": ">"}.get(header[126:128])
    while order and (tag := file.read(8)):
        kind, size = struct.unpack(f"{order}II", tag)
        end = file.tell() + size
        element = _Element(file, size, kind == COMPRESSED)
        if kind == COMPRESSED:
            kind, _ = struct.unpack(f"{order}II", element.read(8))
        if kind == MATRIX:
            _sub(element, order)  # flags
            dimensions = _sub(element, order)
            if _sub(element, order).decode("latin1") == name:
                return element, struct.unpack(f"{order}{len(dimensions) // 4}i", dimensions), order
        file.seek(end)
    raise ColdstartError(f"{path} is no MATLAB file (version 5) with an array `{name}`.")


def _sub(element: _Element, order: str) -> bytes:
    """Return the next element within a variable; small elements lie within their tag."""
    tag = element.read(8)
    kind, size = struct.unpack(f"{order}II", tag)
    if kind >> 16:
        return tag[4 : 4 + (kind >> 16)]
    return element.read(size + -size % 8)[:size]
