"""How far a part of the picture has moved, to a small part of a pixel.

By least squares (Lucas and Kanade 1981) with weights that leave out what somebody has covered (Geman and McClure 1985).
Each pixel is taken relative to its neighbourhood, so that lamps that flicker and shadows that wander move nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edge.records import Pixels

Values = npt.NDArray[np.float32]
"""The pixels of a patch in a row, without a border of ``_BORDER``."""

_BORDER = 2
_NEAR = 9
"""Side of the neighbourhood in pixels of the patch."""
_DARK = 16
"""Grey levels below which contrast is noise."""
_ROUNDS, _SAMPLES = 3, 500
_QUIET = 0.6
"""Least scale of the weights, in percent of the light as everything here."""
_ROUNDING = 0.01
"""Variance that rounding leaves in a picture without noise."""
_BLOCK = 7
"""Side of the blocks that err each in its own way; within them noise, JPEG and light err alike (White 1980)."""
_PLAIN = 1e-3
"""Makes the shift of what has no detail uncertain instead of impossible."""
_ALIKE = 3
"""Smoothing makes neighbours alike, so that there are fewer independent pixels than pixels."""


def inner(patch: npt.NDArray[np.generic]) -> Values:
    """A patch without its border, in a row."""
    return np.ascontiguousarray(patch[_BORDER:-_BORDER, _BORDER:-_BORDER], np.float32).ravel()


def _middle(values: Values) -> float:
    """The median, without numpy.ma, which np.median loads."""
    return float(np.partition(values, len(values) // 2)[len(values) // 2]) if len(values) else 0.0


def whole_px(x_px: float, y_px: float) -> tuple[int, int]:
    """The nearest offset in whole pixels."""
    return math.floor(x_px + 0.5), math.floor(y_px + 0.5)


@dataclass(frozen=True, slots=True)
class Change:
    """A patch against a later one: the shift and its standard deviation in pixels of the image, what differs beyond.

    Attributes:
        x_px: to the right.
        y_px: down.
        error_px: of the less certain of both.
        difference: pixel by pixel, before the shift.
        rest: after it.
        rest_share: its size in contrasts of the patch.
        variance: of the rest, without what is covered.
    """

    x_px: float
    y_px: float
    error_px: float
    difference: Values
    rest: Values
    rest_share: float
    variance: float


class Patch:
    """A rectangle of the image made small, ready to be compared with the same rectangle later.

    Attributes:
        size_px: its width and height in the image.
        zoom: pixels of the image for one of the patch.
        values: the patch.
        detail: square of its slope at each pixel.
    """

    def __init__(self, pixels: Pixels, left: int, top: int, size_px: tuple[int, int], small: tuple[int, int]) -> None:
        """Cut it from an image and make it as small as ``small``, width and height."""
        self._left, self._top, self._small = left, top, small
        self.size_px, self.zoom = size_px, size_px[0] / small[0]
        patch = self._cut(pixels, (0, 0))
        self.values = inner(patch)
        self._contrast = float(self.values.std())
        slope_x = inner(cv2.Sobel(patch, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8))
        slope_y = inner(cv2.Sobel(patch, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8))
        self.detail = slope_x**2 + slope_y**2
        self._terms = np.stack([-slope_x, -slope_y, self.values, np.ones_like(self.values)])
        across, down = (np.arange(side - 2 * _BORDER) // _BLOCK for side in small)
        self._blocks = (across[None, :] + (across[-1] + 1) * down[:, None]).ravel()

    def _cut(self, pixels: Pixels, at_px: tuple[int, int]) -> npt.NDArray[np.float32]:
        (height, width), (wide, high) = pixels.shape, self.size_px
        left, top = (
            min(max(place + offset, 0), side - 1)
            for place, offset, side in zip((self._left, self._top), at_px, (width, height), strict=True)
        )
        rectangle = pixels[top : top + high, left : left + wide]
        # Halves are exact means, and take a fraction of the time.
        while all(
            side % 2 == 0 and side >= 4 * least for side, least in zip(rectangle.shape, self._small[::-1], strict=True)
        ):
            half = rectangle.shape[1] // 2, rectangle.shape[0] // 2
            rectangle = np.asarray(cv2.resize(rectangle, half, interpolation=cv2.INTER_AREA), np.uint8)
        smaller = rectangle.shape[1] >= self._small[0] and rectangle.shape[0] >= self._small[1]
        way = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
        small = cv2.resize(rectangle, self._small, interpolation=way).astype(np.float32)
        smooth = cv2.GaussianBlur(small, (5, 5), 1.0)
        near = cv2.blur(smooth, (_NEAR, _NEAR))
        return np.asarray(100 * (smooth - near) / (near + _DARK), np.float32)

    def error_px(self, variance: float, detail: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """The standard deviation of the shift of something with so much detail in all."""
        return np.asarray(self.zoom * np.sqrt(_ALIKE * (variance + _ROUNDING) / (detail + _PLAIN)), np.float64)

    def compare(self, pixels: Pixels, at_px: tuple[int, int], mask: Values | None = None) -> Change:
        """What became of it; look for it near this offset, where the mask is not 0."""
        difference = inner(self._cut(pixels, at_px)) - self.values
        allowed = np.ones_like(difference) if mask is None else mask
        places = np.flatnonzero(allowed)
        sample = places[:: max(1, len(places) // _SAMPLES)]
        rest = difference
        for _ in range(_ROUNDS):
            usual = _middle(np.abs(rest[sample]))
            weights = allowed / (1 + (rest / (4.5 * usual + _QUIET)) ** 2) ** 2
            weighted = self._terms * weights
            normal = (weighted @ self._terms.T).astype(np.float64) + _PLAIN * np.eye(len(self._terms))
            inverse = np.linalg.inv(normal)
            fit = inverse @ (weighted @ difference)
            rest = difference - fit.astype(np.float32) @ self._terms
        variance = float(weights @ rest**2) / (float(weights.sum()) + _PLAIN)
        pulls = np.stack([np.bincount(self._blocks, pull) for pull in weighted * rest])
        covariance = inverse @ (pulls @ pulls.T + _ROUNDING * normal) @ inverse
        uncertain = math.sqrt(max(covariance[0, 0], covariance[1, 1]))
        return Change(
            x_px=at_px[0] + self.zoom * float(fit[0]),
            y_px=at_px[1] + self.zoom * float(fit[1]),
            error_px=self.zoom * uncertain,
            difference=difference,
            rest=rest,
            rest_share=math.sqrt(float(rest @ rest) / len(rest)) / (self._contrast + 1),
            variance=variance,
        )
