"""The exception that users read, hints for its message, and the error of a full disk."""

import difflib
import errno
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Numbers of the errors of a write for which there is no room."""


class ColdstartError(Exception):
    """A mistake or a fault that the user can mend.

    The message names the file or object, the key in it, and the remedy. It is printed without a
    traceback, so it has to stand on its own.
    """


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint that ends the message about an unknown name: the nearest known one, or all of them."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if close:
        return f"; did you mean `{close[0]}`?"
    return f"; there is {', '.join(known)}" if known else ""


def full_disk(error: BaseException) -> OSError | None:
    """The error of a full disk that an exception is, or was raised while handling.

    Libraries that write files go on after a failed write, and fail of something else.
    """
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, OSError) and found.errno in DISK_FULL:
            return found
        found = found.__cause__ or found.__context__
    return None


@contextmanager
def naming(place: Path) -> Iterator[None]:
    """Raise the error of a full disk with the place that has no room, where it names none."""
    try:
        yield
    except ColdstartError:  # says it already
        raise
    except Exception as error:
        full = full_disk(error)
        if full is None:
            raise
        where = full.filename2 or full.filename or str(place)
        raise OSError(full.errno, full.strerror, where) from error
