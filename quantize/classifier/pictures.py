"""Pictures that show a model of other people the world: they set its int8 ranges, and float and int8 are compared."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edge.errors import DataError
from edge.model.classifier_manifest import golden_input
from edge.records import Pixels
from train.data import fer2013
from train.run.progress import silent

PICTURES = 400
"""Half of them calibrate, between 10 and 60 of each emotion: see what ``calibration.PER_EMOTION`` says of the count."""

_SUFFIXES = {".jpg", ".jpeg", ".png"}


def read_pictures(source: Path | None, size_px: int, cache: Path) -> npt.NDArray[np.uint8]:
    """At most ``PICTURES`` grey faces, uint8 (n, size_px, size_px), a seeded choice.

    The one with the widest range is stretched from black to white: so int8 input is grey - 128, without rounding.

    Args:
        source: a folder of pictures, searched to its depths, or FER2013's csv; None draws masks instead of faces.
        size_px: side of the pictures that the model takes.
        cache: folder for the parsed csv.

    Raises:
        DataError: ``source`` cannot be read or holds fewer than two pictures.
    """
    if source is None:
        pictures = [golden_input(seed, (1, size_px, size_px, 1))[0, :, :, 0] for seed in range(PICTURES)]
    elif source.is_dir():
        found = sorted(path for path in source.rglob("*") if path.suffix.lower() in _SUFFIXES)
        pictures = [_read(found[i]) for i in _choose(len(found))]
    else:
        faces = next(iter(fer2013.load(source, None, cache, silent).values())).pixels
        pictures = list(faces[_choose(len(faces))])
    if len(pictures) < 2:
        raise DataError(f"pictures {source}: holds {len(pictures)}, expected a folder with some hundred faces")
    sized = np.array([cv2.resize(picture, (size_px, size_px), interpolation=cv2.INTER_AREA) for picture in pictures])
    widest = int(np.ptp(sized, axis=(1, 2)).argmax())
    sized[widest] = cv2.normalize(sized[widest], np.empty(0), 0, 255, cv2.NORM_MINMAX)
    # The two halves take every other picture; the widest belongs to the first, which calibrates.
    sized[[0, widest]] = sized[[widest, 0]]
    return np.asarray(sized, np.uint8)


def _choose(count: int) -> npt.NDArray[np.intp]:
    return np.sort(np.random.RandomState(0).permutation(count)[:PICTURES])


def _read(path: Path) -> Pixels:
    pixels = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if pixels is None:
        raise DataError(f"picture {path}: cannot be read, expected a JPEG or PNG")
    return np.asarray(pixels, np.uint8)
