"""Reads photographs and the boxes of their faces.

The source is a folder of images with a csv of boxes (``image,left_px,top_px,width_px,height_px``), a folder of images
without faces, or a label file of WIDER FACE (Yang et al. 2016, http://shuoyang1213.me/WIDERFACE/) and its images.
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from edge.errors import DataError
from edge.vision.detector.decode import Floats
from train.data.source import read_picture
from train.run.progress import Progress, silent

BOX_COLUMNS = ("image", "left_px", "top_px", "width_px", "height_px")
_SUFFIXES = {".jpg", ".jpeg", ".png"}
_WIDER_FIELDS = 10
"""left, top, width, height, then blur, expression, illumination, invalid, occlusion, pose."""
_WIDER_INVALID = 7

HELD_BACK = 10
"""One photograph in this many is for development only."""


_HEADS = ("with_mask_", "without_mask_")
"""Photographs of heads with and without masks, many of which show the same person, or are each other mirrored or
turned. ``held_back.txt`` names an eighth of the groups of those that look alike: aligned faces that correlate by more
than 0.92, or 64-bit difference hashes at most seven bits apart."""


@cache
def _held_back_heads() -> frozenset[str]:
    return frozenset((Path(__file__).parent / "held_back.txt").read_text("ascii").split())


def is_held_back(name: str) -> bool:
    """Whether what bears ``name`` is one in ``HELD_BACK``."""
    return zlib.crc32(name.encode()) % HELD_BACK == 0


@dataclass(frozen=True, slots=True)
class Photograph:
    """A grey image: ``pixels`` uint8 (height, width); ``faces`` float32 (n, 4), the left, top, right and bottom of
    each face in pixels, which may lie outside the image.
    """

    name: str
    pixels: npt.NDArray[np.uint8]
    faces: Floats

    @property
    def is_masked(self) -> bool:
        """Whether its name says that it shows a mask."""
        return self.name.startswith(_HEADS[0])

    @property
    def is_held_back(self) -> bool:
        """Whether it is for development only: by its name, so that no other file changes the answer."""
        if self.name in _held_back_heads():
            return True
        return not self.name.startswith(_HEADS) and is_held_back(self.name)


def read_labelled(folder: Path, boxes: Path, progress: Progress = silent) -> list[Photograph]:
    """Read every image in ``folder``, with its faces from the csv ``boxes``; an image without a row has no face.

    Raises:
        DataError: the csv or an image cannot be read, or a row is not a box; the message names the line.
    """
    return list(_read(folder, {**dict.fromkeys(_names(folder), ()), **_read_boxes(boxes)}, progress))


def read_empty(folder: Path, progress: Progress = silent) -> list[Photograph]:
    """Read every image in ``folder``; none shows a face.

    Raises:
        DataError: the folder holds no image, or one cannot be read.
    """
    return list(_read(folder, dict.fromkeys(_names(folder), ()), progress))


def read_wider(labels: Path, folder: Path, progress: Progress = silent) -> list[Photograph]:
    """Read the images in ``folder`` that a WIDER FACE label file (``wider_face_train_bbx_gt.txt``) names.

    Faces marked invalid are left out, and so are images that have no other faces.

    Raises:
        DataError: the file or an image cannot be read, or a line is invalid.
    """
    faces = {name: rows for name, rows in _wider_entries(labels) if rows}
    return list(_read(folder, faces, progress))


_Rows: TypeAlias = Sequence[tuple[float, ...]]


def _names(folder: Path) -> list[str]:
    names = sorted(path.name for path in folder.glob("*") if path.suffix.lower() in _SUFFIXES)
    if not names:
        raise DataError(f"folder {folder}: holds no image; give a folder of .jpg or .png files")
    return names


def _read(folder: Path, boxes: Mapping[str, _Rows], progress: Progress) -> Iterator[Photograph]:
    for done, (name, rows) in enumerate(boxes.items(), 1):
        pixels = read_picture(folder / name)
        sides = np.array(rows, np.float32).reshape(-1, 4)
        sides[:, 2:] += sides[:, :2]
        progress(done, len(boxes))
        yield Photograph(name, pixels, sides)


def _read_boxes(path: Path) -> dict[str, list[tuple[float, ...]]]:
    boxes: dict[str, list[tuple[float, ...]]] = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.DictReader(file)
            if missing := set(BOX_COLUMNS) - set(rows.fieldnames or ()):
                raise DataError(
                    f"boxes {path}: has no column {', '.join(sorted(missing))}; give {','.join(BOX_COLUMNS)}"
                )
            for row in rows:
                place = f"boxes {path} line {rows.line_num}"
                boxes.setdefault(row["image"], []).append(_box([row[name] for name in BOX_COLUMNS[1:]], place))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"boxes {path}: cannot be read ({error}); give a csv of {','.join(BOX_COLUMNS)}") from error
    if not boxes:
        raise DataError(f"boxes {path}: holds no box; give one face a line")
    return boxes


def _wider_entries(path: Path) -> Iterator[tuple[str, list[tuple[float, ...]]]]:
    """(image, valid boxes) of each entry, which is a name, a count and a line for each face (one line for none)."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"labels {path}: cannot be read ({error}); give a label file of WIDER FACE") from error
    at = 0
    while at < len(lines):
        if at + 1 >= len(lines) or not lines[at + 1].strip().isdecimal():
            raise DataError(f"labels {path} line {at + 2}: is not a number of faces, which must follow {lines[at]!r}")
        count = int(lines[at + 1])
        rows = lines[at + 2 : at + 2 + count]
        if len(rows) < count:
            raise DataError(f"labels {path}: ends after {len(rows)} of {count} faces of {lines[at]!r}")
        faces = []
        for line, fields in enumerate(map(str.split, rows), at + 3):
            if len(fields) < _WIDER_FIELDS:
                raise DataError(f"labels {path} line {line}: has {len(fields)} numbers instead of {_WIDER_FIELDS}")
            if fields[_WIDER_INVALID] == "0":
                faces.append(_box(fields[:4], f"labels {path} line {line}"))
        yield lines[at].strip(), faces
        at += 2 + max(count, 1)


def _box(fields: Sequence[str | None], place: str) -> tuple[float, ...]:
    try:
        left, top, width, height = (float(field or "") for field in fields)
    except ValueError as error:
        raise DataError(f"{place}: {fields} are not four numbers") from error
    if not (width > 0 and height > 0):
        raise DataError(f"{place}: the box is {width:g} wide and {height:g} high; both must be more than 0")
    return left, top, width, height
