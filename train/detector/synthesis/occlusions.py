"""What hides a part of a face: a mask, dark glasses, a hat, a visor, fingers, something held before it.

Places are shares of the face's box, which reaches from forehead to chin: eyes are at about 0.4 of its height, the tip
of the nose at 0.6, the mouth at 0.8.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edge.vision.detector.decode import Floats
from train.data.photographs import is_held_back
from train.detector.synthesis.drawing import Pixels, blend, oval, polygon, stretch

HELD_BEFORE = 0.1
"""Share of covered faces before which there is a thing, if there are any."""


@dataclass(frozen=True, slots=True)
class Thing:
    """An object that is no face, cut out: ``pixels`` and ``alpha``, both uint8 (height, width)."""

    name: str
    pixels: Pixels
    alpha: Pixels

    @property
    def is_held_back(self) -> bool:
        """Whether it is for development only, as for photographs."""
        return is_held_back(self.name)

    def scaled(self, side_px: float) -> tuple[Pixels, Pixels]:
        """Pixels and alpha with a longer side of ``side_px``."""
        scale = side_px / max(self.pixels.shape)
        width, height = self.pixels.shape[1] * scale, self.pixels.shape[0] * scale
        return stretch(self.pixels, width, height), stretch(self.alpha, width, height)


def occlude(pixels: Pixels, face: Floats, things: Sequence[Thing], random: np.random.Generator) -> Pixels:
    """``pixels`` with a part of ``face`` (left, top, right, bottom) hidden, perhaps by one of ``things``."""
    if things and random.random() < HELD_BEFORE:
        return _hold(pixels, _Places(face), things[int(random.integers(len(things)))], random)
    kind = _KINDS[int(random.choice(len(_KINDS), p=_SHARES))]
    return kind(pixels, _Places(face), random)


class _Places:
    """Shares of a box -> pixels."""

    def __init__(self, face: Floats) -> None:
        self.origin, self.size = face[:2], face[2:] - face[:2]

    def __call__(self, points: npt.ArrayLike) -> npt.NDArray[np.float64]:
        return np.asarray(self.origin + np.asarray(points) * self.size, np.float64)


def _mask(pixels: Pixels, at: _Places, random: np.random.Generator) -> Pixels:
    top, bridge = random.uniform(0.46, 0.6), random.uniform(0.36, 0.52)
    points = [(-0.02, top), (0.25, bridge + 0.06), (0.5, bridge), (0.75, bridge + 0.06), (1.02, top)]
    points += [(0.96, 0.78), (0.75, 1.0), (0.5, 1.08), (0.25, 1.0), (0.04, 0.78)]
    alpha = polygon(pixels.shape, at(points), 0)
    return blend(pixels, _cloth(pixels.shape, at, random), alpha)


def _cloth(shape: tuple[int, int], at: _Places, random: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Light or dark cloth, brighter in the middle, with horizontal folds."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    across, down = (x - at.origin[0]) / at.size[0], (y - at.origin[1]) / at.size[1]
    grey = random.choice((random.uniform(150, 250), random.uniform(10, 150)))
    bulge = random.uniform(20, 90) * ((across - random.uniform(0.3, 0.7)) ** 2 + 0.5 * (down - 0.75) ** 2)
    folds = random.uniform(0, 8) * np.sin(down * random.uniform(25, 60))
    return np.asarray(np.clip(grey * (1 - bulge / 60) + folds, 0, 255), np.uint8)


def _glasses(pixels: Pixels, at: _Places, random: np.random.Generator) -> Pixels:
    line, wide, high = random.uniform(0.34, 0.42), random.uniform(0.17, 0.24), random.uniform(0.09, 0.15)
    alpha = np.maximum.reduce(
        [oval(pixels.shape, tuple(at((x, line))), tuple(at.size * (wide, high)), 0) for x in (0.27, 0.73)]
    )
    bridge = polygon(pixels.shape, at([(0, line - 0.03), (1, line - 0.03), (1, line + 0.01), (0, line + 0.01)]), 0)
    alpha = np.maximum(alpha, bridge)
    share = random.uniform(0.7, 1)
    return blend(pixels, np.full_like(pixels, random.integers(0, 60)), (alpha * share).astype(np.uint8))


def _hat(pixels: Pixels, at: _Places, random: np.random.Generator) -> Pixels:
    brim, side = random.uniform(0.05, 0.27), random.uniform(0.1, 0.45)
    points = [(-side, brim + random.uniform(-0.05, 0.05)), (0.5, brim + random.uniform(-0.05, 0.06))]
    points += [(1 + side, brim), (1.1, -0.15), (0.9, -0.5), (0.1, -0.5), (-0.1, -0.15)]
    grey = np.full_like(pixels, random.integers(5, 230))
    return blend(pixels, grey, polygon(pixels.shape, at(points), 0.02 * at.size[1]))


def _patch(pixels: Pixels, at: _Places, random: np.random.Generator) -> Pixels:
    """Up to a third of the face behind a patch of the same image, from the side or from below, like a hand or a cup."""
    angle = random.uniform(-0.2, np.pi + 0.2)
    centre = at((0.5 + 0.55 * np.cos(angle), 0.5 + 0.55 * np.sin(angle)))
    radii = at.size * random.uniform(0.15, 0.38, 2)
    side = max(2, round(min(pixels.shape) * random.uniform(0.2, 0.5)))
    top, left = (int(random.integers(0, length - side + 1)) for length in pixels.shape)
    patch = stretch(pixels[top : top + side, left : left + side], pixels.shape[1], pixels.shape[0])
    lit = np.clip(patch * random.uniform(0.6, 1.4), 0, 255).astype(np.uint8)
    return blend(pixels, lit, oval(pixels.shape, (centre[0], centre[1]), (radii[0], radii[1]), 0.03 * at.size[1]))


def _visor(pixels: Pixels, at: _Places, random: np.random.Generator) -> Pixels:
    """A cap with a brim, or a headband, and the shadow that it throws over the eyes."""
    brim, side, bend = random.uniform(0.08, 0.33), random.uniform(0.05, 0.3), random.uniform(-0.08, 0.1)
    if random.random() < 0.3:
        band = random.uniform(0.08, 0.2)
        points = [(-0.1, brim), (1.1, brim), (1.1, brim - band), (-0.1, brim - band)]
    else:
        points = [(-side, brim + bend), (0.2, brim + 0.3 * bend), (0.5, brim - 0.5 * bend), (0.8, brim + 0.3 * bend)]
        points += [(1 + side, brim + bend), (1.08, -0.2), (0.85, -0.5), (0.15, -0.5), (-0.08, -0.2)]
    alpha = polygon(pixels.shape, at(points), 0.015 * at.size[1])
    covered = blend(pixels, np.full_like(pixels, random.integers(5, 240)), alpha)
    if random.random() < 0.7:
        down = (np.arange(len(pixels)) + 0.5 - at.origin[1]) / at.size[1] - brim
        fade = np.clip(1 - down / random.uniform(0.15, 0.4), 0, 1) * (down > -0.02)
        shadow = 1 - random.uniform(0.3, 0.8) * fade[:, np.newaxis]
        x0, x1 = (int(value) for value in np.clip(at([(-0.15, 0), (1.15, 0)])[:, 0], 0, pixels.shape[1]))
        below = alpha[:, x0:x1] == 0
        covered[:, x0:x1] = np.where(below, covered[:, x0:x1] * shadow, covered[:, x0:x1]).astype(np.uint8)
    return covered


def _fingers(pixels: Pixels, at: _Places, random: np.random.Generator) -> Pixels:
    """One to four bars with round ends across mouth, nose or cheek: fingers in the face's grey, a microphone."""
    alpha = np.zeros(pixels.shape, np.uint8)
    count, angle = int(random.integers(1, 5)), random.uniform(0, np.pi)
    width = float(at.size[1] * (random.uniform(0.09, 0.16) if count > 1 else random.uniform(0.12, 0.35)))
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    start, length = at((random.uniform(0.15, 0.85), random.uniform(0.45, 1))), at.size[1] * random.uniform(0.35, 0.6)
    for number in range(count):
        tip = start + across * (number - (count - 1) / 2) * 1.05 * width + along * random.uniform(-0.15, 0.05) * length
        ends = [tuple(int(value) for value in point) for point in (tip, tip + along * length)]
        cv2.line(alpha, ends[0], ends[1], 255, max(1, round(width)), cv2.LINE_AA)
    if count == 1:
        return blend(pixels, np.full_like(pixels, random.integers(5, 230)), alpha)
    left, top, right, bottom = (max(0, int(value)) for value in (*at.origin, *(at.origin + at.size)))
    skin = pixels[top : max(bottom, top + 1), left : max(right, left + 1)]
    roundness = cv2.distanceTransform((alpha > 127).view(np.uint8), cv2.DIST_L2, 3) / (width / 2 + 1e-3)
    grey = (float(skin.mean()) if skin.size else 100.0) * random.uniform(0.7, 1.25)
    return blend(pixels, np.clip(grey * (0.7 + 0.3 * np.clip(roundness, 0, 1)), 0, 255).astype(np.uint8), alpha)


def _hold(pixels: Pixels, at: _Places, thing: Thing, random: np.random.Generator) -> Pixels:
    """``thing`` before the lower half of a face."""
    above, alpha = thing.scaled(float(at.size[1]) * random.uniform(0.35, 0.7))
    centre = at((random.uniform(0.1, 0.9), random.uniform(0.6, 1.05)))
    left, top = (round(float(value)) for value in centre - np.array(above.shape[::-1]) / 2)
    rows, columns = pixels.shape
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + above.shape[1], columns), min(top + above.shape[0], rows)
    covered = pixels.copy()
    if x1 > x0 and y1 > y0:
        inside = slice(y0 - top, y1 - top), slice(x0 - left, x1 - left)
        covered[y0:y1, x0:x1] = blend(pixels[y0:y1, x0:x1], above[inside], alpha[inside])
    return covered


_KINDS = (_mask, _glasses, _hat, _patch, _visor, _fingers)
_SHARES = (0.22, 0.08, 0.08, 0.17, 0.25, 0.2)
