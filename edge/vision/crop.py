"""Face box -> the square image that the classifier takes. Training checks use the same function."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edge.records import Face, Pixels


@dataclass(frozen=True, slots=True)
class CropRule:
    """The square to cut, measured per detector against FER2013's own framing.

    ``side`` is in box heights; ``offset_x`` and ``offset_y`` move the centre from the box centre, in box heights.
    """

    side: float
    offset_x: float = 0.0
    offset_y: float = 0.0


def crop_face(pixels: Pixels, face: Face, rule: CropRule, size_px: int) -> Pixels:
    """Cut ``face`` out of a grey frame as a square of ``size_px``, see ``cut_square``."""
    side = rule.side * face.height_px
    centre_x, centre_y = face.centre_px
    centre_x += rule.offset_x * face.height_px
    centre_y += rule.offset_y * face.height_px
    return cut_square(pixels, round(centre_x - side / 2), round(centre_y - side / 2), max(1, round(side)), size_px)


def cut_square(pixels: Pixels, left: int, top: int, side_px: int, size_px: int) -> Pixels:
    """Cut a square of a grey frame and resize it to ``size_px``, replicating the frame's border outside it.

    A reduction takes means of areas, so that a large face does not alias: first of four pixels each, for as long as the
    side is even, as that takes a tenth of the time.

    Raises:
        ValueError: it lies outside the frame.
    """
    height, width = pixels.shape
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + side_px, width), min(top + side_px, height)
    if x0 >= x1 or y0 >= y1:
        raise ValueError(f"square of {side_px} px at ({left}, {top}) lies outside the {width}x{height} frame")
    square = pixels[y0:y1, x0:x1]
    outside = (y0 - top, top + side_px - y1, x0 - left, left + side_px - x1)
    if any(outside):
        square = cv2.copyMakeBorder(square, *outside, cv2.BORDER_REPLICATE).astype(np.uint8, copy=False)
    while side_px % 2 == 0 and side_px // 2 >= size_px:
        side_px //= 2
        square = cv2.resize(square, (side_px, side_px), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    shrink = side_px > size_px
    resized = cv2.resize(square, (size_px, size_px), interpolation=cv2.INTER_AREA if shrink else cv2.INTER_LINEAR)
    return resized.astype(np.uint8, copy=False)
