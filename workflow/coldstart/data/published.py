"""Published sets: their files, the places where these may lie, and their download."""

import hashlib
import shutil
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from coldstart.common.errors import ColdstartError
from coldstart.data import checked
from coldstart.data.download import download, one_at_a_time
from coldstart.running.settings import Settings


@dataclass(frozen=True)
class File:
    """A published file.

    Attributes:
        path: where it lies below ``data_dir``, and below a mirror.
        md5: its published checksum.
        url: address of the file; None if it is part of an archive.
        also: other paths where it may lie, with the MD5 that it has there.
    """

    path: str
    md5: str
    url: str | None = None
    also: Mapping[str, str | None] = field(default_factory=dict)

    def find(self, data_dir: Path) -> "Found | None":
        """Find the file at the first of its paths that exists."""
        for path, md5 in {self.path: self.md5, **self.also}.items():
            if (data_dir / path).is_file():
                return Found(path, data_dir / path, md5)
        return None

    def fetch(self, settings: Settings) -> None:
        """Download it.

        Raises:
            ColdstartError: the download fails, or the file has another MD5.
        """
        assert self.url is not None
        mirror = settings.mirror
        url = f"{mirror.rstrip('/')}/{self.path}" if mirror else self.url
        download(url, settings.data_dir / self.path, f"md5:{self.md5}")


@dataclass(frozen=True)
class Found:
    """A file that exists, and the MD5 that it must have; None if that is unknown."""

    name: str
    path: Path
    md5: str | None


@dataclass(frozen=True)
class PublishedSet:
    """A set of images as files.

    Attributes:
        title: its usual name.
        page: where its publisher describes it.
        parts: the files of each part, in the order of the parts.
        archive: the .tar.gz with all files, if there is one.
    """

    title: str
    page: str
    parts: Mapping[str, Sequence[File]]
    archive: File | None = None

    @property
    def digest(self) -> str:
        """MD5 of the archive or, without an archive, of the files' MD5s."""
        if self.archive is not None:
            return f"md5:{self.archive.md5}"
        md5s = [file.md5 for files in self.parts.values() for file in files]
        return "md5:" + hashlib.md5(" ".join(md5s).encode(), usedforsecurity=False).hexdigest()

    def missing(self, recipe: Mapping[str, Any], settings: Settings) -> str | None:
        """Return a message about files that ``data_dir`` lacks; None if it has all."""
        files = self._files(recipe)
        absent = [file for file in files if file.find(settings.data_dir) is None]
        if not absent:
            return None
        named = "\n".join(
            "    " + " or ".join(str(settings.data_dir / path) for path in (file.path, *file.also))
            for file in absent
        )
        get = [self.archive.url] if self.archive else [file.url for file in absent]
        return (
            f"{self.title} is not in data_dir ({settings.data_dir}): {len(absent)} of its "
            f"{len(files)} files are missing.\n  looked for:\n{named}\n"
            "  remedy: name the folder that has them (--config data_dir=...), or leave to download "
            "them\n  (--config download=true), or fetch them from where they are published"
            + (" and unpack them there:" if self.archive else ":")
            + "".join(f"\n    {url}" for url in get)
            + f"\n  The set is described at {self.page}"
        )

    def open(self, recipe: Mapping[str, Any], settings: Settings) -> dict[str, list[Found]]:
        """Find the files of each part that the recipe names; download them first if asked to.

        For another edition, which the recipe's ``digest`` names, no MD5 is known.

        Raises:
            ColdstartError: files are missing, or the download fails.
        """
        if settings.download and self.missing(recipe, settings):
            with one_at_a_time(settings.data_dir):
                self._fetch(recipe, settings)
        message = self.missing(recipe, settings)
        if message:
            raise ColdstartError(message)
        published = recipe["digest"] == self.digest
        opened = {}
        for part in self._parts(recipe):
            found = [file.find(settings.data_dir) for file in self.parts[part]]
            opened[part] = [
                Found(file.name, file.path, file.md5 if published else None)
                for file in found
                if file is not None
            ]
        return opened

    def _fetch(self, recipe: Mapping[str, Any], settings: Settings) -> None:
        absent = [file for file in self._files(recipe) if file.find(settings.data_dir) is None]
        if self.archive is None:
            for file in absent:
                file.fetch(settings)
        elif absent:
            if self.archive.find(settings.data_dir) is None:
                self.archive.fetch(settings)
            archive = settings.data_dir / self.archive.path
            checked.verify(archive, self.archive.md5)
            _unpack(archive, absent, settings.data_dir)

    def _parts(self, recipe: Mapping[str, Any]) -> list[str]:
        unknown = [part for part in recipe["parts"] if part not in self.parts]
        if unknown:
            raise ColdstartError(
                f"{self.title} has no part `{unknown[0]}`; it has {', '.join(self.parts)}."
            )
        return [part for part in self.parts if part in recipe["parts"]]

    def _files(self, recipe: Mapping[str, Any]) -> list[File]:
        return [file for part in self._parts(recipe) for file in self.parts[part]]


def own_digest(opened: Mapping[str, Sequence[Found]]) -> str:
    """Return ``sha256:...`` of all opened files."""
    return checked.files_digest(
        {file.name: file.path for files in opened.values() for file in files}
    )


def _unpack(archive: Path, files: Sequence[File], data_dir: Path) -> None:
    """Extract files from an archive; each gets its final name when it is complete."""
    wanted = {file.path for file in files}
    with tempfile.TemporaryDirectory(dir=data_dir, prefix=".unpacking-") as folder:
        with tarfile.open(archive) as tar:
            for member in tar:
                if member.name in wanted:
                    tar.extract(member, folder, filter="data")
                    wanted.remove(member.name)
        for file in files:
            if file.path not in wanted:
                (data_dir / file.path).parent.mkdir(parents=True, exist_ok=True)
                shutil.move(Path(folder) / file.path, data_dir / file.path)
    if wanted:
        raise ColdstartError(f"{archive} has no {sorted(wanted)[0]}: it is another archive.")
