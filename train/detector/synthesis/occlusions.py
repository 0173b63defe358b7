"""What hides a part of a face: a mask, dark glasses, a hat, something held before it.

Places are shares of the face's box, which reaches from forehead to chin: eyes are at about 0.4 of its height, the tip
of the nose at 0.6, the mouth at 0.8.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge.records import Pixels
from edge.vision.detector.decode import Floats
from train.detector.synthesis.drawing import blend, oval, polygon, stretch


def occlude(pixels: Pixels, face: Floats, random: np.random.Generator) -> Pixels:
    """``pixels`` with a part of ``face`` (left, top, right, bottom) hidden."""
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


def _thing(pixels: Pixels, at: _Places, random: np.random.Generator) -> Pixels:
    """Up to a third of the face behind a patch of the same image, from the side or from below, like a hand or a cup."""
    angle = random.uniform(-0.2, np.pi + 0.2)
    centre = at((0.5 + 0.55 * np.cos(angle), 0.5 + 0.55 * np.sin(angle)))
    radii = at.size * random.uniform(0.15, 0.38, 2)
    side = max(2, round(min(pixels.shape) * random.uniform(0.2, 0.5)))
    top, left = (int(random.integers(0, length - side + 1)) for length in pixels.shape)
    patch = stretch(pixels[top : top + side, left : left + side], pixels.shape[1], pixels.shape[0])
    lit = np.clip(patch * random.uniform(0.6, 1.4), 0, 255).astype(np.uint8)
    return blend(pixels, lit, oval(pixels.shape, (centre[0], centre[1]), (radii[0], radii[1]), 0.03 * at.size[1]))


_KINDS = (_mask, _glasses, _hat, _thing)
_SHARES = (0.4, 0.15, 0.15, 0.3)
