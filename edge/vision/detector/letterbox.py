"""A frame of any size -> the image of fixed size that a detector takes."""

from __future__ import annotations

import cv2
import numpy as np

from edge.records import Pixels

MARGIN_GREY = 128
"""Fills the space beside the frame, so that neither a dark nor a bright edge appears."""


def letterbox(pixels: Pixels, height_px: int, width_px: int) -> tuple[Pixels, float]:
    """The grey frame, as large as fits, at the top left of an image of ``height_px`` x ``width_px``.

    Returns:
        The image, uint8 (height_px, width_px), and its scale: image pixels per frame pixel.
    """
    height, width = pixels.shape
    scale = min(height_px / height, width_px / width)
    # A frame of one row keeps its row.
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    image = np.full((height_px, width_px), MARGIN_GREY, np.uint8)
    # Halves are exact means. From there every pixel counts in a linear step as well, in a sixth of the instructions.
    while size[0] <= pixels.shape[1] // 2 and size[1] <= pixels.shape[0] // 2:
        half = pixels.shape[1] // 2, pixels.shape[0] // 2
        pixels = np.asarray(cv2.resize(pixels, half, interpolation=cv2.INTER_AREA), np.uint8)
    image[: size[1], : size[0]] = cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR)
    return image, scale
