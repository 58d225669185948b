"""Weights in a file of the user's own: found and digested before any job, read by one.

The plan imports this, so it imports no torch.
"""

import json
import os
from pathlib import Path

from coldstart.config.recipes.encoders.existing import Existing
from coldstart.data.sources.digests import File, digest_files, file_digest
from coldstart.data.sources.scan import PLACES, places_of, resolve
from coldstart.errors import ColdstartError


def digest_weights(recipe: Existing, data_dir: Path, cache: Path | None) -> str:
    """Digest the file, and tell every process that this one starts where it lies.

    Args:
        recipe: names the file.
        data_dir: what a relative path starts from.
        cache: a folder for digests; see ``digest_files``.

    Returns:
        str: ``sha256:...`` of its content.

    Raises:
        ColdstartError: there is no such file, or it cannot be read.
    """
    path = resolve(recipe.weights, data_dir)
    try:
        found = path.stat()
    except OSError as error:
        raise ColdstartError(
            f"The weights of {recipe.name} cannot be read at {path}: {error.strerror}.\n"
            "  remedy: correct `weights` in the recipe; a relative path is below data_dir."
        ) from None
    (hexadecimal,) = digest_files(path, [File.of(".", found)], cache)
    digest = f"sha256:{hexadecimal}"
    known = json.loads(os.environ.get(PLACES, "{}"))
    os.environ[PLACES] = json.dumps(known | {digest: [str(path.absolute())]})
    return digest


def find_weights(recipe: Existing) -> Path:
    """Return the path of the file whose digest stands in a planned recipe.

    Raises:
        ColdstartError: the plan has not said, or the file has changed since.
    """
    places = places_of(recipe.weights)
    if not places or f"sha256:{file_digest(places[0])}" != recipe.weights:
        raise ColdstartError(
            f"The weights of {recipe.name} are not those that were planned with "
            f"({recipe.weights[:19]}...): their file has changed meanwhile. Run Coldstart again."
        )
    return places[0]
