"""Turns the images of a camera that is not mounted upright."""

from __future__ import annotations

from typing import Literal

import cv2

from edge.records import Pixels

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
