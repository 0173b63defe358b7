"""Photographs of a face for tests: frames of the clip in the package."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from tests.support.paths import ROOT

CLIP = ROOT / "edge" / "media" / "astronaut.mp4"


@cache
def frames() -> list[npt.NDArray[Any]]:
    """Ten frames of the clip in colour, every other one mirrored and all tilted differently: none is another's copy."""
    video = cv2.VideoCapture(str(CLIP))
    found: list[npt.NDArray[Any]] = []
    while len(found) < 50:
        read, frame = video.read()
        assert read
        found.append(frame)
    return [_tilt(frame[:, :: 1 - 2 * (number % 2)], 2.5 * (number - 4.5)) for number, frame in enumerate(found[::5])]


def _tilt(image: npt.NDArray[Any], degrees: float) -> npt.NDArray[Any]:
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    return cv2.warpAffine(image, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)


def photograph(path: Path, number: int = 0, *parameters: int) -> Path:
    """Save a photograph of the face; ten numbers give ten different ones."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), frames()[number], parameters)
    return path


def wall(path: Path) -> Path:
    """Save a photograph without a face."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((240, 320, 3), 140, np.uint8))
    return path
