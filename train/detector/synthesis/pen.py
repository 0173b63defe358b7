"""Circles, lines and writing at fractions of a pixel; images are grey and are drawn on in place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from train.detector.synthesis.drawing import Pixels

Texture: TypeAlias = Callable[[int, int], Pixels]
"""(height, width) -> a piece of a photograph without faces."""

Drawing: TypeAlias = tuple[Pixels, Pixels]
"""Pixels and their opacity, of the same shape."""

Point: TypeAlias = tuple[float, float]

_BITS = 4
"""OpenCV takes places in whole numbers: of a sixteenth of a pixel."""

_FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
    cv2.FONT_HERSHEY_PLAIN,
)


def grey(random: np.random.Generator, low: int = 5, high: int = 250) -> int:
    """Any grey from ``low`` to below ``high``."""
    return int(random.integers(low, high))


def two_greys(random: np.random.Generator) -> tuple[int, int]:
    """Two greys that differ, by little or by much."""
    first = grey(random)
    step = random.uniform(12, 60) if random.random() < 0.4 else random.uniform(50, 220)
    lighter = first + step <= 255 and (random.random() < 0.5 or first < step)
    return first, int(np.clip(first + step if lighter else first - step, 0, 255))


def grid(side: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """The pixels of a square from -1 to 1: x (1, side) and y (side, 1)."""
    places = np.linspace(1 / side - 1, 1 - 1 / side, side, dtype=np.float32)
    return places[np.newaxis], places[:, np.newaxis]


def in_range(values: npt.NDArray[Any]) -> Pixels:
    """``values`` as pixels, cut off at black and white."""
    return np.asarray(np.clip(values, 0, 255), np.uint8)


def slope(side: int, random: np.random.Generator, most: float) -> npt.NDArray[np.float32]:
    """Light from some side, (side, side): up to ``most`` more or less towards each border."""
    x, y = grid(side)
    return np.asarray(random.uniform(-most, most) * x + random.uniform(-most, most) * y, np.float32)


def around(centre: Point, angle: float, radius: float) -> Point:
    """The point on a circle."""
    return centre[0] + radius * float(np.cos(angle)), centre[1] + radius * float(np.sin(angle))


def corners(centre: Point, count: int, radius: float, turn: float = 0.0, inner: float = 1.0) -> list[Point]:
    """A regular polygon; every second corner at ``inner`` of the radius makes it a star."""
    shares = [1.0 if index % 2 else inner for index in range(count)]
    return [around(centre, 2 * np.pi * index / count + turn, radius * share) for index, share in enumerate(shares)]


def circle(pixels: Pixels, centre: Point, radius: float, colour: int, width: float = -1) -> None:
    """A circle, filled unless a ``width`` of the line is given."""
    ellipse(pixels, centre, (radius, radius), colour, width)


def ellipse(
    pixels: Pixels,
    centre: Point,
    radii: Point,
    colour: int,
    width: float = -1,
    angle_deg: float = 0.0,
    arc_deg: Point = (0, 360),
) -> None:
    """An ellipse, or the part of it between two angles."""
    thickness = -1 if width < 0 else max(1, round(width))
    middle, size = _fixed(centre), _fixed((max(radii[0], 0.4), max(radii[1], 0.4)))
    cv2.ellipse(pixels, middle, size, angle_deg, *arc_deg, colour, thickness, cv2.LINE_AA, _BITS)


def line(pixels: Pixels, start: Point, end: Point, colour: int, width: float) -> None:
    """A line, at least a pixel wide."""
    cv2.line(pixels, _fixed(start), _fixed(end), colour, max(1, round(width)), cv2.LINE_AA, _BITS)


def fill(pixels: Pixels, points: Sequence[Point], colour: int) -> None:
    """A filled polygon."""
    cv2.fillPoly(pixels, [np.array([_fixed(point) for point in points], np.int32)], colour, cv2.LINE_AA, _BITS)


def _fixed(point: Point) -> tuple[int, int]:
    return round(point[0] * 2**_BITS), round(point[1] * 2**_BITS)


def write(
    pixels: Pixels, text: str, centre: Point, height: float, colour: int, random: np.random.Generator, bold: float = 0.0
) -> None:
    """``text`` around ``centre``, as high as asked, in one of OpenCV's fonts; ``bold`` is the least width of a line."""
    font = _FONTS[int(random.integers(len(_FONTS)))]
    (wide, high), _ = cv2.getTextSize(text, font, 1, 1)
    scale = height / max(high, 1)
    width = max(1, round(height * max(bold, random.uniform(0.05, 0.16))))
    corner = int(centre[0] - wide * scale / 2), int(centre[1] + height / 2)
    cv2.putText(pixels, text, corner, font, scale, colour, width, cv2.LINE_AA)


def some_text(random: np.random.Generator, first: str, last: str, least: int, most: int) -> str:
    """``least`` to below ``most`` characters from ``first`` to ``last``."""
    return "".join(chr(code) for code in random.integers(ord(first), ord(last) + 1, int(random.integers(least, most))))
