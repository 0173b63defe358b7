"""A detector's raw box -> a Face inside the frame.

Inside the daemon every box is left, top, right, bottom; only OpenCV's detectors return left, top, width, height.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edge.records import Face, Pixels


def clip_box(pixels: Pixels, box: Sequence[float], confidence: float) -> Face | None:
    """The part of ``box`` (left, top, right, bottom in px) inside the frame, in whole pixels; None if nothing is."""
    height, width = pixels.shape
    left, right = (round(min(max(x, 0.0), width)) for x in (box[0], box[2]))
    top, bottom = (round(min(max(y, 0.0), height)) for y in (box[1], box[3]))
    if left >= right or top >= bottom:
        return None
    return Face(left, top, right, bottom, min(max(confidence, 0.0), 1.0))


def from_opencv(boxes: npt.ArrayLike) -> list[list[float]]:
    """OpenCV's boxes, (n, 4) left, top, width, height, as left, top, right, bottom."""
    sides = np.array(boxes, np.float64).reshape(-1, 4)
    sides[:, 2:] += sides[:, :2]
    converted: list[list[float]] = sides.tolist()
    return converted
