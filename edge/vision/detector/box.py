"""A detector's raw box -> a Face.

Inside the daemon every box is left, top, right, bottom; only OpenCV's detectors return left, top, width, height.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edge.records import Face, Pixels

BEYOND = 0.5
"""Share of the frame's width and height by which a box may leave it on each side. A box that ended at the border would
make a head that overflows the image a smaller one, and the classifier would be shown a part of it."""


def clip_box(pixels: Pixels, box: Sequence[float], confidence: float) -> Face | None:
    """``box`` (left, top, right, bottom in px) in whole pixels, not far outside the frame; None if all of it is."""
    height, width = pixels.shape
    left, right = (_clip(x, width) for x in (box[0], box[2]))
    top, bottom = (_clip(y, height) for y in (box[1], box[3]))
    if left >= min(right, width) or right <= 0 or top >= min(bottom, height) or bottom <= 0:
        return None
    return Face(left, top, right, bottom, min(max(confidence, 0.0), 1.0))


def _clip(value: float, length: int) -> int:
    return round(min(max(value, -BEYOND * length), (1 + BEYOND) * length))


def from_opencv(boxes: npt.ArrayLike) -> list[list[float]]:
    """OpenCV's boxes, (n, 4) left, top, width, height, as left, top, right, bottom."""
    sides = np.array(boxes, np.float64).reshape(-1, 4)
    sides[:, 2:] += sides[:, :2]
    converted: list[list[float]] = sides.tolist()
    return converted
