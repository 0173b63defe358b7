"""Reads labelled faces row by row: from the csv of FER2013, or from the pictures of faces that are cut already."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import cv2
import numpy as np

from edge.errors import DataError
from edge.labels import EMOTIONS, INPUT_SIZE_PX
from edge.records import Pixels
from train.data.layouts import find_labelled
from train.data.names import label_of, split_of
from train.data.source import VIDEOS, Source, ending
from train.data.tables import DAMAGED, column, open_table
from train.run.progress import Progress

SPLITS = ("Training", "PublicTest", "PrivateTest")

FORMS = "give fer2013.csv or icml_face_data.csv, plain, .gz or .xz, or a folder or archive of class folders"
"""The end of every message about an unreadable source."""

MOST_PX = 400
"""Sides of a picture that can be a cut face; a larger one is a photograph, in which the face has to be found."""

SQUARE = 1.3
"""The longer over the shorter side of a picture that can be a cut face."""

_COLUMNS = {"emotion": ("emotion", "label", "expression"), "pixels": ("pixels", "pixel")}
_PIXELS = INPUT_SIZE_PX * INPUT_SIZE_PX
_GREYS = {str(grey): grey for grey in range(256)}
_LABELS = dict(enumerate(EMOTIONS))

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Row:
    """One face: its split, None if the data says none; its label; the number of its row or the path of its file; and
    48x48 grey levels, row by row.
    """

    split: str | None
    label: str
    name: int | str
    pixels: bytes


def read_csv(path: Path, raw: IO[bytes], size: int, progress: Progress) -> Iterator[Row]:
    """Read an open csv with the columns emotion, pixels and, if there are splits, Usage, in any order and case.

    The header counts as row 1, empty rows are passed over; ``progress`` counts the ``size`` bytes.

    Raises:
        DataError: the file cannot be read to its end or a row is invalid.
    """
    try:
        rows = open_table(path.name, raw)
        header = next(rows, [])
        emotion, pixels = (column(header, *names) for names in _COLUMNS.values())
        for name, found in (("emotion", emotion), ("pixels", pixels)):
            if found is None:
                raise DataError(f"data {path}: has no column {name!r} in its first row; {FORMS}")
        assert emotion is not None and pixels is not None  # noqa: PT018 - for the type checker
        usage = column(header, "usage", "split", "set")
        for number, fields in enumerate(rows, 2):
            if not fields:  # as editors leave at the end
                continue
            place = f"data {path} row {number}"
            if len(fields) != len(header):
                raise DataError(f"{place}: has {len(fields)} columns, but row 1 has {len(header)}")
            yield Row(
                None if usage is None else _split(fields[usage].strip(), place),
                _label(fields[emotion].strip(), place),
                number,
                _greys(fields[pixels], place),
            )
            if number % 500 == 0:
                progress(min(raw.tell(), size), size)
        progress(size, size)
    except DAMAGED as error:
        raise DataError(f"data {path}: cannot be read to its end ({error}); {FORMS}") from error


def _split(value: str, place: str) -> str:
    split = split_of(value)
    if split is None:
        raise DataError(f"{place}: Usage is {value!r}, which is none of {', '.join(SPLITS)}")
    return split


def _label(value: str, place: str) -> str:
    label = _LABELS.get(int(value), "") if value.isdecimal() and len(value) < 3 else label_of(value)
    if label not in EMOTIONS:
        raise DataError(f"{place}: emotion is {value!r}, which is not 0..{len(EMOTIONS) - 1}")
    return label


def _greys(text: str, place: str) -> bytes:
    try:
        greys = bytes(map(_GREYS.__getitem__, text.split()))
    except KeyError as error:
        raise DataError(f"{place}: pixel {error} is not a number 0..255") from error
    if len(greys) != _PIXELS:
        raise DataError(f"{place}: has {len(greys)} pixels instead of {_PIXELS}")
    return greys


def read_pictures(source: Source, size_px: int, progress: Progress) -> Iterator[Row]:
    """Read the pictures of ``source``, each of which is one face, in grey and with sides of ``size_px``.

    ``progress`` counts pictures.

    Raises:
        DataError: a picture cannot be read or is no cut face, or its label is not known.
    """
    labelled = find_labelled(source)
    for done, each in enumerate(labelled, 1):
        if ending(each.name) in VIDEOS:
            raise DataError(f"data {source.path}: {each.name} is a video; find the faces with: fer-train import")
        try:
            pixels = source.picture(each.name)
        except DataError as error:
            raise DataError(f"data {source.path}: {error}") from error
        yield Row(each.split, each.label, each.name, _fit(pixels, size_px, source, each.name).tobytes())
        if done % 500 == 0 or done == len(labelled):
            progress(done, len(labelled))


def _fit(pixels: Pixels, size_px: int, source: Source, name: str) -> Pixels:
    height, width = pixels.shape
    if max(height, width) > max(MOST_PX, size_px) or max(height, width) > SQUARE * min(height, width):
        raise DataError(
            f"data {source.path}: {name} is {width}x{height}, a photograph rather than a cut face; find and cut the "
            "faces with: fer-train import"
        )
    if (height, width) == (size_px, size_px):
        return pixels
    shrinks = min(height, width) > size_px
    sized = cv2.resize(pixels, (size_px, size_px), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return sized.astype(np.uint8, copy=False)
