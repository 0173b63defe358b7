"""Turns the images of a camera that is not mounted upright."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import cv2

from edge.camera import Camera
from edge.records import Image, Pixels

Flip = Literal["none", "horizontal", "vertical"]

_TURNS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}
_FLIPS = {"horizontal": 1, "vertical": 0}


def turned(pixels: Pixels, rotate: int, flip: Flip) -> Pixels:
    """``pixels`` turned clockwise by ``rotate`` degrees (0, 90, 180, 270), then mirrored."""
    if rotate:
        pixels = cv2.rotate(pixels, _TURNS[rotate])  # type: ignore[assignment]  # uint8 stays uint8
    if flip != "none":
        pixels = cv2.flip(pixels, _FLIPS[flip])  # type: ignore[assignment]
    return pixels


class TurnedCamera:
    """``camera``, with every image turned."""

    def __init__(self, camera: Camera, rotate: int, flip: Flip) -> None:
        self._camera, self._rotate, self._flip = camera, rotate, flip
        self.name, self.live = camera.name, camera.live

    @property
    def bad_frames(self) -> int:
        """Those of the camera."""
        return self._camera.bad_frames

    def read(self) -> Image | None:
        """The next image, turned."""
        image = self._camera.read()
        return image and replace(image, pixels=turned(image.pixels, self._rotate, self._flip))

    def close(self) -> None:
        """Release the camera."""
        self._camera.close()
