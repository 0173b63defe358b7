"""Degrades an image as light, lens, sensor and compression do."""

from __future__ import annotations

import itertools
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from train.detector.synthesis.drawing import Pixels, stretch

USUAL = 0.0, 0.12, 0.07, 0.03
"""Shares of the pictures that are taken at night, in dim light, overexposed, and in haze."""


def degrade(
    pixels: Pixels, random: np.random.Generator, exposures: tuple[float, float, float, float] = USUAL
) -> Pixels:
    """``pixels`` (height, width) as a camera delivers them; at most 1024 on each side, as much noise as there is."""
    pixels = expose(pixels, random, exposures)
    if random.random() < 0.15:
        pixels = _shade(pixels, random)
    if random.random() < 0.12:
        height, width = pixels.shape
        share = random.uniform(0.4, 0.9)
        pixels = stretch(stretch(pixels, width * share, height * share), width, height)
    if random.random() < 0.25:
        pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), random.uniform(0.4, 1.3)), np.uint8)
    if random.random() < 0.08:
        pixels = _move(pixels, random)
    if random.random() < 0.6:
        pixels = _grain(pixels, random)
    if random.random() < 0.3:
        _, coded = cv2.imencode(".jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, int(random.integers(20, 90))))
        pixels = np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), np.uint8)
    return pixels


def expose(pixels: Pixels, random: np.random.Generator, exposures: tuple[float, float, float, float] = USUAL) -> Pixels:
    """Gamma, contrast and brightness; shares of the pictures are dark, blown out or hazy, see ``USUAL``."""
    levels = (np.arange(256) / 255) ** np.exp(random.normal(0, 0.32))
    levels = (levels - 0.5) * np.exp(random.normal(-0.2, 0.35)) + 0.5 + random.normal(0, 0.07)
    night, dim, blown, hazy = itertools.accumulate(exposures)
    kind = random.random()
    if kind < night:
        levels = levels * random.uniform(0.07, 0.2)
    elif kind < dim:
        levels = levels * random.uniform(0.1, 0.6)
    elif kind < blown:
        levels = levels * random.uniform(1.2, 2.2) + random.uniform(0, 0.12)
    elif kind < hazy:
        levels = levels * random.uniform(0.25, 0.6) + random.uniform(0.15, 0.5)
    return np.asarray(cv2.LUT(pixels, np.clip(levels * 255, 0, 255).astype(np.uint8)), np.uint8)


def _shade(pixels: Pixels, random: np.random.Generator) -> Pixels:
    ends = random.uniform(0.3, 1.3, (2, 2)).astype(np.float32)
    ramp = cv2.resize(ends, pixels.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.clip(pixels * ramp, 0, 255), np.uint8)


def _move(pixels: Pixels, random: np.random.Generator) -> Pixels:
    """Motion blur along a line."""
    side = int(random.choice((3, 5, 7)))
    angle, middle = random.uniform(0, np.pi), (side - 1) / 2
    reach = middle * np.array([np.cos(angle), np.sin(angle)])
    kernel = np.zeros((side, side), np.float32)
    ends = [tuple(round(float(middle + sign * step)) for step in reach) for sign in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1.0)
    return np.asarray(cv2.filter2D(pixels, -1, kernel / kernel.sum()), np.uint8)


def _grain(pixels: Pixels, random: np.random.Generator) -> Pixels:
    field = _field()
    height, width = pixels.shape
    top, left = (int(random.integers(0, have - need + 1)) for have, need in zip(field.shape, pixels.shape, strict=True))
    deviation = np.float32(min(random.exponential(4) + 0.5, 20))
    noisy = pixels + deviation * field[top : top + height, left : left + width]
    return np.clip(noisy, 0, 255).astype(np.uint8)


@cache
def _field() -> npt.NDArray[np.float32]:
    """The noise that scenes take a window of: drawing it for each takes longer than the rest of a scene."""
    return np.random.default_rng(0).standard_normal((1024, 1024), np.float32)
