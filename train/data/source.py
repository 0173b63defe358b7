"""The files of a data set, in a folder or in an archive as it was downloaded, which is read without being unpacked."""

from __future__ import annotations

import io
import lzma
import os
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Self, cast

import cv2
import numpy as np

from edge.errors import DataError
from edge.image_limit import too_large
from edge.records import Pixels

PICTURES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".tif", ".tiff", ".webp"})
"""Endings, in lower case, of the pictures that are read."""

UNREADABLE = frozenset({".avif", ".heic", ".heif"})
"""Endings of pictures that phones make and OpenCV does not read."""

VIDEOS = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm"})

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")

MAX_BYTES = 200_000_000
"""Of one picture or label file."""

_LITTER = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini", "@eaDir"})


@dataclass(frozen=True, slots=True)
class Source:
    """The files below a folder or in an archive: ``sizes`` has the bytes of each, by its path with ``/`` between names.

    Hidden files and what macOS, Windows and file servers leave behind are not among them, nor are links in archives.
    ``stamp`` changes when the files do.
    """

    path: Path
    sizes: dict[str, int]
    stamp: str
    _archive: zipfile.ZipFile | tarfile.TarFile | None = field(default=None, repr=False)

    @classmethod
    def open(cls, path: Path) -> Self:
        """List the files of ``path``.

        Raises:
            DataError: it is neither a folder nor an archive that can be read.
        """
        try:
            if path.is_dir():
                found = dict(sorted(_walk(path)))
                ours = (".npz", ".part")  # a cache inside the data
                stamp = "\n".join(
                    f"{name} {status.st_size} {status.st_mtime_ns}"
                    for name, status in found.items()
                    if ending(name) not in ours
                )
                return cls(path, {name: status.st_size for name, status in found.items()}, stamp)
            status = path.stat()
            stamp = f"{path.resolve()} {status.st_size} {status.st_mtime_ns}"
            if zipfile.is_zipfile(path):
                archive = zipfile.ZipFile(path)
                listed = {info.filename: info.file_size for info in archive.infolist() if not info.is_dir()}
                return cls(path, {n: s for n, s in sorted(listed.items()) if _is_content(n)}, stamp, archive)
            if path.name.lower().endswith(ARCHIVES) or tarfile.is_tarfile(path):
                # In the order of the archive: to go back in a compressed one means to start again.
                tar = tarfile.open(path)  # noqa: SIM115 - stays open with the source
                return cls(path, {m.name: m.size for m in tar if m.isfile() and _is_content(m.name)}, stamp, tar)
        except (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error) as error:
            reason = str(getattr(error, "strerror", None) or error).partition("\n")[0].rstrip(":")
            raise DataError(
                f"data {path}: cannot be read ({reason}); give a folder, or a whole .zip or .tar"
            ) from error
        raise DataError(f"data {path}: is neither a folder nor an archive; give one of {', '.join(ARCHIVES)}")

    def close(self) -> None:
        """Close the archive."""
        if self._archive is not None:
            self._archive.close()

    def stream(self, name: str) -> IO[bytes]:
        """Open one of the files.

        Raises:
            DataError: it cannot be read.
        """
        try:
            if self._archive is None:
                return (self.path / name).open("rb")
            if isinstance(self._archive, zipfile.ZipFile):
                return self._archive.open(name)
            return cast("IO[bytes]", self._archive.extractfile(name))
        except (OSError, EOFError, RuntimeError, KeyError, NotImplementedError, zipfile.BadZipFile) as error:
            raise DataError(f"data {self.path}: {name} cannot be read ({error})") from error

    def read(self, name: str) -> bytes:
        """The content of one of the files.

        Raises:
            DataError: it cannot be read, or is larger than ``MAX_BYTES``.
        """
        with self.stream(name) as file:
            try:
                content = file.read(MAX_BYTES + 1)
            except (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError) as error:
                raise DataError(f"data {self.path}: {name} cannot be read ({error})") from error
        if len(content) > MAX_BYTES:
            raise DataError(f"data {self.path}: {name} is larger than {MAX_BYTES // 10**6} MB")
        return content

    def picture(self, name: str) -> Pixels:
        """One of the pictures in grey, turned upright as its EXIF says.

        Raises:
            DataError: it cannot be read or decoded, or has too many pixels.
        """
        place = f"picture {name}"
        if ending(name) in UNREADABLE:
            raise DataError(f"{place}: is in {ending(name)[1:].upper()}, which is not read; save it as JPEG")
        return _decoded(self.read(name), place)


def read_picture(path: Path) -> Pixels:
    """The picture at ``path``, see ``Source.picture``."""
    try:
        return _decoded(path.read_bytes(), f"picture {path}")
    except OSError as error:
        raise DataError(f"picture {path}: cannot be read ({error.strerror})") from error


def _decoded(content: bytes, place: str) -> Pixels:
    pixels, why = None, "is no picture that can be decoded"
    if content:
        try:
            pixels = cast("Pixels | None", cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE))
        except cv2.error as error:
            why = too_large(error, io.BytesIO(content)) or why
    if pixels is None:
        raise DataError(f"{place}: {why}")
    return pixels


def ending(name: str) -> str:
    """The ending of a file's name in lower case, with its dot."""
    return PurePosixPath(name).suffix.lower()


def _is_content(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return not any(part in _LITTER or part.startswith(".") for part in parts)


def _walk(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Files below ``folder``; linked folders are followed, but none twice."""
    seen: set[tuple[int, int]] = set()
    for root, folders, names in os.walk(folder, followlinks=True):
        status = os.stat(root)  # noqa: PTH116 - os.walk names it as a string
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        for name in names:
            path = Path(root, name)
            relative = path.relative_to(folder).as_posix()
            if _is_content(relative) and path.is_file():
                yield relative, path.stat()
