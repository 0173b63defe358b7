"""A frame of any size -> the picture of fixed size that a detector looks at."""

from __future__ import annotations

import cv2
import numpy as np

from edge.records import Pixels

MARGIN_GREY = 128
"""What lies beside the frame: neither a dark edge nor a bright one."""


def letterbox(pixels: Pixels, height_px: int, width_px: int) -> tuple[Pixels, float]:
    """The grey frame in the upper left of a picture of ``height_px`` x ``width_px``, as large as it fits.

    Returns:
        The picture, uint8 (height_px, width_px), and its pixels per pixel of the frame.
    """
    height, width = pixels.shape
    scale = min(height_px / height, width_px / width)
    # A frame of one row keeps it.
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = np.full((height_px, width_px), MARGIN_GREY, np.uint8)
    picture[: size[1], : size[0]] = cv2.resize(
        pixels, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    )
    return picture, scale
