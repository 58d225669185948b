"""A bundle: one archive with a study's figures and tables and the artefacts behind them.

``bundle.json`` stands first and lists every other member with its size and SHA-256. After it come
``figures/`` and ``tables/``, for people to look at, and ``objects/<key>/``, for import into a
store. The archive is not compressed, because the artefacts' own formats are where that saves space.
"""

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from coldstart.common.errors import ColdstartError
from coldstart.common.progress import Progress
from coldstart.store.artefact import Artefact
from coldstart.store.ends import CHUNK
from coldstart.store.manifest import MANIFEST, file_digest
from coldstart.store.provenance import provenance

FORMAT = 1
"""Version of the archive's layout."""

CONTENTS = "bundle.json"
"""Name of the first member, which lists all others."""


def write(
    file: Path, study: str, scale: str, artefacts: Sequence[Artefact], shown: Mapping[str, Path]
) -> int:
    """Write a bundle; returns its size in bytes. The file gets its name once it is complete.

    Args:
        file: the archive.
        study: the study's name.
        scale: the scale that it was run at.
        artefacts: those that an import publishes. Opening them has verified them.
        shown: the files of figures and tables, by their names in the archive.

    Raises:
        ColdstartError: the archive cannot be written, or a file that is no bundle has its name.
    """
    _require_free(file)
    sources = dict(shown)
    members = {name: _digest_and_size(path) for name, path in sources.items()}
    for artefact in artefacts:
        folder = f"objects/{artefact.key}"
        for name, path in [
            (MANIFEST, artefact.folder / MANIFEST),
            *((name, artefact.path(name)) for name in artefact.manifest["files"]),
        ]:
            sources[f"{folder}/{name}"] = path
            listed = artefact.manifest["files"].get(name)  # the manifest does not list itself
            members[f"{folder}/{name}"] = listed or _digest_and_size(path)
    contents = {
        "format": FORMAT,
        "study": study,
        "scale": scale,
        "keys": [artefact.key for artefact in artefacts],
        "members": members,
        "made": provenance(),
    }
    text = json.dumps(contents, indent=2).encode()
    draft = file.with_name(f".{file.name}.part")
    progress = Progress("write bundle, MB", sum(-(-m["bytes"] // CHUNK) for m in members.values()))
    try:
        with tarfile.open(draft, "w", format=tarfile.PAX_FORMAT) as archive:
            archive.addfile(_member(CONTENTS, len(text)), io.BytesIO(text))
            for name, path in sources.items():
                with path.open("rb") as opened:
                    archive.addfile(_member(name, members[name]["bytes"]), opened)
                progress.advance(-(-members[name]["bytes"] // CHUNK))
        draft.replace(file)
    except OSError as error:
        raise ColdstartError(f"Cannot write {file}: {error.strerror or error}.") from error
    finally:
        draft.unlink(missing_ok=True)
    return file.stat().st_size


def _require_free(file: Path) -> None:
    """Refuse to overwrite a folder, or a file that is not a bundle."""
    if file.is_dir() or not file.name:
        raise ColdstartError(f"{file} is a folder: name a file, such as {file / 'study.tar'}.")
    if file.exists() and not is_bundle(file):
        raise ColdstartError(f"{file} already exists and is not a bundle: name another file.")


def is_bundle(file: Path) -> bool:
    """Return True for an archive whose first member is that of a bundle."""
    try:
        with tarfile.open(file, "r:") as archive:
            first = archive.next()
    except (tarfile.TarError, OSError):
        return False
    return first is not None and first.name == CONTENTS and first.isreg()


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = size
    return member


def _digest_and_size(path: Path) -> dict[str, Any]:
    return {"sha256": file_digest(path), "bytes": path.stat().st_size}
