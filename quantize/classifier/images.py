"""Reads the images that set the int8 ranges of a model that somebody else trained, and compare its int8 with float."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edge.errors import DataError
from edge.model.golden import golden_input
from edge.records import Pixels
from train.data import fer2013
from train.run.progress import silent

MAX_IMAGES = 400
"""Half of them set the ranges, about 30 of each emotion: ``calibration.PER_EMOTION`` says why that is enough."""

_SUFFIXES = {".jpg", ".jpeg", ".png"}


def read_images(source: Path | None, size_px: int, cache: Path) -> npt.NDArray[np.uint8]:
    """At most ``MAX_IMAGES`` grey faces, uint8 (n, size_px, size_px), chosen with a fixed seed.

    The one with the widest range is stretched from black to white, so that int8 input is grey - 128 without rounding.

    Args:
        source: a folder of images, with its subfolders, or FER2013's csv; None draws masks instead of faces.
        size_px: side of the images that the model takes.
        cache: folder for the parsed csv.

    Raises:
        DataError: ``source`` cannot be read or holds fewer than two images.
    """
    if source is None:
        images = [golden_input(seed, (1, size_px, size_px, 1))[0, :, :, 0] for seed in range(MAX_IMAGES)]
    elif source.is_dir():
        found = sorted(path for path in source.rglob("*") if path.suffix.lower() in _SUFFIXES)
        images = [_read_image(found[i]) for i in _choose(len(found))]
    else:
        faces = next(iter(fer2013.load(source, None, cache, silent).values())).pixels
        images = list(faces[_choose(len(faces))])
    if len(images) < 2:
        raise DataError(f"images {source}: holds {len(images)}, expected a folder with a few hundred faces")
    sized = np.array([cv2.resize(image, (size_px, size_px), interpolation=cv2.INTER_AREA) for image in images])
    widest = int(np.ptp(sized, axis=(1, 2)).argmax())
    sized[widest] = cv2.normalize(sized[widest], np.empty(0), 0, 255, cv2.NORM_MINMAX)
    # Image 0 is in the half that sets the ranges.
    sized[[0, widest]] = sized[[widest, 0]]
    return np.asarray(sized, np.uint8)


def _choose(count: int) -> npt.NDArray[np.intp]:
    return np.sort(np.random.RandomState(0).permutation(count)[:MAX_IMAGES])


def _read_image(path: Path) -> Pixels:
    pixels = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if pixels is None:
        raise DataError(f"image {path}: cannot be read, expected a JPEG or PNG")
    return np.asarray(pixels, np.uint8)
