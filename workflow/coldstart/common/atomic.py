"""Files that are there whole or not at all."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from coldstart.common.errors import naming


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a name beside ``path``, with its suffix, to write to; it is ``path`` when all went well.

    If the block raises, what stood at ``path`` stays, and the draft goes. Processes of several
    machines may write the same file at once: the last to finish wins.

    Raises:
        OSError: the disk is full; the error names ``path``, whatever a library made of it.
    """
    draft = path.with_name(f".{path.stem}.{uuid.uuid4().hex}{path.suffix}")
    try:
        with naming(path):
            yield draft
            draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
