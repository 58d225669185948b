"""A single file of a user's own: digested while planning, and found again by its digest."""

from pathlib import Path

from coldstart.common.errors import ColdstartError
from coldstart.data.sources.digests import File, digest_files, file_digest
from coldstart.data.sources.scan import resolve
from coldstart.running.places import places_of

PREFIX = "sha256:"


def digest_own_file(path: str, data_dir: Path, cache: Path | None, what: str, key: str) -> str:
    """Digest a file.

    Args:
        path: as the recipe has it; a relative one is below ``data_dir``.
        data_dir: what a relative path starts from.
        cache: a folder for digests; see ``digest_files``.
        what: names the file in messages, as in "The weights".
        key: the recipe's key that names it.

    Returns:
        ``sha256:...`` of its content.

    Raises:
        ColdstartError: there is no such file, or it cannot be read.
    """
    return PREFIX + digest_of_file(resolve(path, data_dir), cache, what, key)


def digest_of_file(path: Path, cache: Path | None, what: str, key: str) -> str:
    """SHA-256 of a file's content, in hexadecimal digits; see ``digest_own_file``."""
    try:
        found = path.stat()
    except OSError as error:
        raise ColdstartError(
            f"{what} cannot be read at {path}: {error.strerror}.\n"
            f"  remedy: correct `{key}`; a relative path is below data_dir."
        ) from None
    (hexadecimal,) = digest_files(path, [File.of(".", found)], cache)
    return hexadecimal


def find_own_file(digest: str, what: str) -> Path:
    """Return the path of the file with this digest.

    Raises:
        ColdstartError: the plan has not said, or the file has changed since.
    """
    places = places_of(digest)
    if not places or PREFIX + file_digest(places[0]) != digest:
        raise ColdstartError(
            f"{what} are not those that were planned with ({digest[:19]}...): their file has "
            "changed meanwhile. Run Coldstart again."
        )
    return places[0]
