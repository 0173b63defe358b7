"""Reads FER2013 row by row from the formats in which Kaggle distributes it.

Either a csv with the columns emotion, pixels and Usage, in any order and with stray spaces around the names; or class
folders, where the split is the beginning of the file name (``Training_123.jpg``) or the folder above the classes
(``train/angry/123.jpg``, ``validation/angry/123.jpg``).
"""

from __future__ import annotations

import csv
import gzip
import io
import logging
import lzma
import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import cv2

from edge.errors import DataError
from edge.labels import EMOTIONS, INPUT_SIZE_PX
from edge.records import Pixels
from train.run.progress import Progress

SPLITS = ("Training", "PublicTest", "PrivateTest")

FORMS = "give fer2013.csv or icml_face_data.csv, plain, .gz or .xz, or a folder with train/ and test/"
"""The end of every message about an unreadable source."""

_COLUMNS = ("emotion", "pixels", "Usage")
_PIXELS = INPUT_SIZE_PX * INPUT_SIZE_PX
_GREYS = {str(grey): grey for grey in range(256)}
_LABELS = {str(label): label for label in range(len(EMOTIONS))}
_FOLDER_SPLITS = {"train": "Training", "validation": "PublicTest"}
_DECOMPRESS: dict[str, Callable[[IO[bytes]], Any]] = {".xz": lzma.open, ".gz": gzip.open}
_SUFFIXES = {".jpg", ".jpeg", ".png"}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Row:
    """One face: its label in ``EMOTIONS`` order, the number of its row or file, and 48x48 grey levels, row by row."""

    split: str
    label: int
    number: int
    pixels: bytes


def read_csv(path: Path, progress: Progress) -> Iterator[Row]:
    """Read a csv file; the header counts as row 1, ``progress`` counts bytes.

    Raises:
        DataError: the file cannot be read to its end or a row is invalid.
    """
    try:
        with path.open("rb") as raw, text_of(path, raw) as text:
            size = os.fstat(raw.fileno()).st_size
            reader = csv.reader(text)
            header = [name.strip() for name in next(reader, [])]
            for name in _COLUMNS:
                if name not in header:
                    raise DataError(f"data {path}: has no column {name!r} in its first row; {FORMS}")
            emotion, pixels, usage = (header.index(name) for name in _COLUMNS)
            for number, fields in enumerate(reader, 2):
                place = f"data {path} row {number}"
                if len(fields) != len(header):
                    raise DataError(f"{place}: has {len(fields)} columns, but row 1 has {len(header)}")
                yield Row(
                    _split(fields[usage].strip(), place),
                    _label(fields[emotion].strip(), place),
                    number,
                    _greys(fields[pixels], place),
                )
                if number % 500 == 0:
                    progress(raw.tell(), size)
            progress(size, size)
    except (OSError, EOFError, lzma.LZMAError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"data {path}: cannot be read to its end ({error}); {FORMS}") from error


def text_of(path: Path, raw: IO[bytes]) -> IO[str]:
    """The text of an open csv file, which may be compressed as its name says."""
    decompress = _DECOMPRESS.get(path.suffix)
    return io.TextIOWrapper(decompress(raw) if decompress else raw, encoding="utf-8-sig", newline="")


def _split(value: str, place: str) -> str:
    if value not in SPLITS:
        raise DataError(f"{place}: Usage is {value!r}, which is none of {', '.join(SPLITS)}")
    return value


def _label(value: str, place: str) -> int:
    if value not in _LABELS:
        raise DataError(f"{place}: emotion is {value!r}, which is not 0..{len(EMOTIONS) - 1}")
    return _LABELS[value]


def _greys(text: str, place: str) -> bytes:
    try:
        greys = bytes(map(_GREYS.__getitem__, text.split()))
    except KeyError as error:
        raise DataError(f"{place}: pixel {error} is not a number 0..255") from error
    if len(greys) != _PIXELS:
        raise DataError(f"{place}: has {len(greys)} pixels instead of {_PIXELS}")
    return greys


def image_files(folder: Path) -> list[Path]:
    """The image files two folders down (split, class), sorted."""
    return sorted(path for path in folder.glob("*/*/*") if path.suffix.lower() in _SUFFIXES)


def read_folders(folder: Path, progress: Progress) -> Iterator[Row]:
    """Read class folders; a row has the number in its file name. ``progress`` counts images.

    Raises:
        DataError: an image cannot be read or has another size, or its class or split is unknown.
    """
    paths = image_files(folder)
    if any(path.parts[-3] == "validation" for path in paths):
        _log.warning("data %s: its validation/ mixes PublicTest and PrivateTest; it is read as PublicTest", folder)
    for done, path in enumerate(paths, 1):
        emotion = path.parts[-2].lower()
        if emotion not in EMOTIONS:
            raise DataError(f"data {path}: its folder {path.parts[-2]!r} is none of {', '.join(EMOTIONS)}")
        split, number = _named_split(path)
        yield Row(split, EMOTIONS.index(emotion), number, _read_image(path).tobytes())
        if done % 500 == 0 or done == len(paths):
            progress(done, len(paths))


def _named_split(path: Path) -> tuple[str, int]:
    prefix, _, number = path.stem.rpartition("_")
    split = prefix or _FOLDER_SPLITS.get(path.parts[-3], "")
    if split not in SPLITS or not number.isdecimal() or int(number) >= 2**31:
        raise DataError(
            f"data {path}: has no split in its name; the name must be {'_, '.join(SPLITS)}_ and a number, "
            "or a number in a folder of train/ or validation/"
        )
    return split, int(number)


def _read_image(path: Path) -> Pixels:
    pixels = cast("Pixels | None", cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))
    if pixels is None:
        raise DataError(f"data {path}: is not a readable JPEG or PNG file")
    if pixels.shape != (INPUT_SIZE_PX, INPUT_SIZE_PX):
        height, width = pixels.shape
        raise DataError(f"data {path}: is {width}x{height} instead of {INPUT_SIZE_PX}x{INPUT_SIZE_PX}")
    return pixels
