"""Sprites: parts of an image with a soft outline, drawn onto another image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from edge.vision.detector.decode import Floats

Pixels = npt.NDArray[np.uint8]
"""(height, width), grey."""


@dataclass(slots=True)
class Sprite:
    """``pixels`` and their opacity ``alpha``, uint8 of the same shape; ``faces`` (n, 4) as in ``Photograph``."""

    pixels: Pixels
    alpha: Pixels
    faces: Floats

    def lay(self, canvas: Pixels, matrix: npt.NDArray[np.float64]) -> Floats:
        """Draw onto ``canvas`` in place; returns the boxes of the faces there, (n, 4).

        Args:
            canvas: the image to draw on.
            matrix: affine, (2, 3), from pixels of the sprite to those of the canvas.
        """
        if (matrix[:, :2] == np.eye(2)).all():
            return self._lay_upright(canvas, np.round(matrix[:, 2]).astype(int))
        height, width = self.pixels.shape
        corners = matrix @ np.array([[0, width, width, 0], [0, 0, height, height], [1, 1, 1, 1]], np.float64)
        low = np.maximum(np.floor(corners.min(axis=1)), 0).astype(int)
        high = np.minimum(np.ceil(corners.max(axis=1)), canvas.shape[::-1]).astype(int)
        if (high > low).all():
            shifted = matrix.copy()
            # Pixel centres lie at halves.
            shifted[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5 - low
            size = (int(high[0] - low[0]), int(high[1] - low[1]))
            part = canvas[low[1] : high[1], low[0] : high[0]]
            drawn = cv2.warpAffine(self.pixels, shifted, size, borderMode=cv2.BORDER_REPLICATE)
            alpha = cv2.warpAffine(self.alpha, shifted, size)
            part[...] = blend(part, drawn, alpha)
        return _carry(self.faces, matrix)

    def places(self, matrix: npt.NDArray[np.float64]) -> Floats:
        """Where ``lay`` would draw the faces, as (n, 4)."""
        return _carry(self.faces, matrix)

    def _lay_upright(self, canvas: Pixels, place: npt.NDArray[np.int_]) -> Floats:
        low, high = np.maximum(place, 0), np.minimum(place + self.pixels.shape[::-1], canvas.shape[::-1])
        if (high > low).all():
            part = canvas[low[1] : high[1], low[0] : high[0]]
            inside = slice(low[1] - place[1], high[1] - place[1]), slice(low[0] - place[0], high[0] - place[0])
            part[...] = blend(part, self.pixels[inside], self.alpha[inside])
        return (self.faces + np.tile(place, 2)).astype(np.float32)


def blend(below: Pixels, above: npt.NDArray[Any], alpha: npt.NDArray[Any]) -> Pixels:
    """``above`` over ``below``; ``alpha`` uint8, 255 hides what is below."""
    share = alpha.astype(np.uint16)
    share += share >> 7  # 0..256
    return ((above * share + below * (256 - share)) >> 8).astype(np.uint8)


def _carry(faces: Floats, matrix: npt.NDArray[np.float64]) -> Floats:
    """The boxes of faces after ``matrix``: each face is taken for the ellipse that fills its box."""
    centres = (faces[:, :2] + faces[:, 2:]) / 2 @ matrix[:, :2].T + matrix[:, 2]
    radii = (faces[:, 2:] - faces[:, :2]) / 2
    reach = np.sqrt(radii**2 @ (matrix[:, :2] ** 2).T)
    return np.concatenate([centres - reach, centres + reach], axis=1).astype(np.float32)


def oval(shape: tuple[int, int], centre: tuple[float, float], radii: tuple[float, float], feather: float) -> Pixels:
    """An alpha of ``shape``: a filled ellipse whose edge is ``feather`` pixels soft."""
    alpha = np.zeros(shape, np.uint8)
    bits = 4
    scaled = [tuple(round(value * 2**bits) for value in pair) for pair in (centre, radii)]
    cv2.ellipse(alpha, scaled[0], scaled[1], 0, 0, 360, 255, -1, cv2.LINE_AA, bits)
    return soften(alpha, feather)


def polygon(shape: tuple[int, int], points: npt.ArrayLike, feather: float) -> Pixels:
    """An alpha of ``shape``: a filled polygon of ``points`` (n, 2) whose edge is ``feather`` pixels soft."""
    alpha = np.zeros(shape, np.uint8)
    bits = 4
    cv2.fillPoly(alpha, [np.round(np.asarray(points) * 2**bits).astype(np.int32)], 255, cv2.LINE_AA, bits)
    return soften(alpha, feather)


def soften(alpha: Pixels, feather: float) -> Pixels:
    """``alpha`` with an edge ``feather`` pixels soft."""
    if feather < 0.3:
        return alpha
    side = 2 * round(feather) + 1
    return np.asarray(cv2.blur(alpha, (side, side), borderType=cv2.BORDER_CONSTANT), np.uint8)


def stretch(pixels: Pixels, width: float, height: float) -> Pixels:
    """``pixels`` resized, to at least one pixel a side; averaged where they shrink."""
    size = max(1, round(width)), max(1, round(height))
    method = cv2.INTER_AREA if size[0] < pixels.shape[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, size, interpolation=method), np.uint8)
