"""Blackens parts of every image before anything looks at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from edge.camera import Camera
from edge.polygons import Polygon
from edge.records import Image, Pixels


def keep(polygons: Sequence[Polygon], height_px: int, width_px: int) -> Pixels:
    """255 where an image of this size may be seen and 0 where not; a pixel that a border touches may not."""
    kept = np.full((height_px, width_px), 255, np.uint8)
    for polygon in polygons:  # one by one: where two overlap, both count
        corners = np.rint(np.array(polygon) * (width_px, height_px)).astype(np.int32)
        cv2.fillPoly(kept, [corners], 0)
    return kept


class MaskedCamera:
    """``camera``, with the ``polygons`` of every image black. They are drawn once for each size of image."""

    def __init__(self, camera: Camera, polygons: Sequence[Polygon]) -> None:
        self._camera, self._polygons = camera, polygons
        self._keep: Pixels = np.empty((0, 0), np.uint8)
        self.name, self.live = camera.name, camera.live

    @property
    def bad_frames(self) -> int:
        """Those of the camera."""
        return self._camera.bad_frames

    def read(self) -> Image | None:
        """The next image, with black in place of what is masked."""
        image = self._camera.read()
        if image is None:
            return None
        if self._keep.shape != image.pixels.shape:
            self._keep = keep(self._polygons, *image.pixels.shape)
        masked = cv2.bitwise_and(image.pixels, self._keep)
        return replace(image, pixels=masked)  # type: ignore[arg-type]  # uint8 stays uint8

    def close(self) -> None:
        """Release the camera."""
        self._camera.close()
