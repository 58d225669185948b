"""Download of published files: resumed after an interruption, and verified at the end."""

import contextlib
import fcntl
import hashlib
import http.client
import logging
import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from coldstart.common.errors import ColdstartError
from coldstart.common.progress import Progress

log = logging.getLogger("coldstart")

NAMES = {"md5": "MD5", "sha256": "SHA-256"}
"""The digests' usual names."""

PIECE = 2**20
MEGABYTE = 10**6
TIMEOUT = 60
"""Seconds to wait for the next byte of a server."""
ATTEMPTS = 5
"""Number of attempts to download a file."""
PAUSE = 2.0
"""Seconds before the second attempt; doubled before each further one."""


def download(url: str, target: Path, digest: str | None) -> None:
    """Fetch a file; a ``.part`` file beside ``target`` keeps what has come, also across runs.

    Args:
        url: its address.
        target: what it is called once it is whole.
        digest: its published digest, ``md5:...`` or ``sha256:...`` with all hexadecimal digits or
            the first ones; None if none is known.

    Raises:
        ColdstartError: it cannot be had, or has another digest; then the ``.part`` file is removed.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    log.info("fetching %s", url)
    for attempt in range(ATTEMPTS):
        try:
            _fetch_rest(url, part)
            break
        except (OSError, http.client.HTTPException) as error:
            gone = isinstance(error, urllib.error.HTTPError) and error.code < 500
            if gone or attempt == ATTEMPTS - 1:
                raise ColdstartError(
                    f"{url} cannot be fetched: {error}. Put the file into {target.parent} "
                    "yourself, or name another place for it (--config mirror=...)."
                ) from error
            log.info("%s: %s; trying again", url, error)
            time.sleep(PAUSE * 2**attempt)
    if digest is not None:
        algorithm, _, published = digest.partition(":")
        found = _digest(part, algorithm)
        if not found.startswith(published):
            part.unlink()
            raise ColdstartError(
                f"{url} has the {NAMES[algorithm]} {found}, but the published one is {published}: "
                "it is another file. Nothing of it was kept."
            )
    os.replace(part, target)


@contextlib.contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Let one job at a time fetch a set: those of images and labels start together."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".coldstart.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fetch_rest(url: str, part: Path) -> None:
    """Append the rest of the file to ``part``, or start anew if the server knows no ranges.

    Raises:
        http.client.IncompleteRead: the connection was interrupted.
        OSError: any other failure.
    """
    have = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "coldstart"}
    if have:
        headers["Range"] = f"bytes={have}-"
    try:
        # If the .part file is complete, the server answers with code 416.
        with urllib.request.urlopen(
            urllib.request.Request(url, headers=headers), timeout=TIMEOUT
        ) as answer:
            resumed = answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
            have = have if resumed else 0
            length = answer.headers.get("Content-Length")
            left = int(length) if length else None
            progress = Progress(
                f"{part.stem} (MB)", (have + (left or 0)) // MEGABYTE, done=have // MEGABYTE
            )
            with part.open("ab" if resumed else "wb") as file:
                got = 0
                while piece := answer.read(PIECE):
                    file.write(piece)
                    got += len(piece)
                    steps = (have + got) // MEGABYTE - progress.done
                    if steps:
                        progress.advance(steps)
            if left is not None and got < left:
                raise http.client.IncompleteRead(b"", left - got)
    except urllib.error.HTTPError as error:
        if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise


def _digest(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(
            file, lambda: hashlib.new(algorithm, usedforsecurity=False)
        ).hexdigest()
