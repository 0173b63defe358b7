"""Blackens parts of every image before anything looks at it."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from edge.polygons import Polygon
from edge.records import Pixels


def keep(polygons: Sequence[Polygon], height_px: int, width_px: int) -> Pixels:
    """255 where an image of this size may be seen and 0 where not; a pixel that a border touches may not."""
    kept = np.full((height_px, width_px), 255, np.uint8)
    for polygon in polygons:  # one by one: where two overlap, both count
        corners = np.rint(np.array(polygon) * (width_px, height_px)).astype(np.int32)
        cv2.fillPoly(kept, [corners], 0)
    return kept


class Mask:
    """Makes ``polygons`` black in every image. They are drawn once for each size of image."""

    def __init__(self, polygons: Sequence[Polygon]) -> None:
        self._polygons = polygons
        self._keep: Pixels = np.empty((0, 0), np.uint8)

    def __call__(self, pixels: Pixels) -> Pixels:
        """``pixels`` with black in place of what is masked."""
        if self._keep.shape != pixels.shape:
            self._keep = keep(self._polygons, *pixels.shape)
        return cv2.bitwise_and(pixels, self._keep)  # type: ignore[return-value]  # uint8 stays uint8
