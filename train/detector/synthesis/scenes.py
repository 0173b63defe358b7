"""Scenes: backdrops without faces, heads pasted onto them, and what a camera makes of it.

Everything is drawn from numpy generators that seed, epoch and number of the scene decide, so a scene can be drawn
again at any time, on any machine, in any order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np

from edge.records import Pixels
from edge.vision.detector.decode import Floats
from train.detector.recipe import Synthesis
from train.detector.synthesis.degrade import degrade, expose
from train.detector.synthesis.distractors import distractor
from train.detector.synthesis.drawing import Sprite, stretch
from train.detector.synthesis.sprites import NO_FACES, Collection, head, tile

Key: TypeAlias = tuple[int, ...]
"""Seed of one backdrop."""

TRIES = 8
"""Places that are tried for a piece before it is left out."""

HIDDEN = 0.15
"""Share of a face, or of a smaller piece, that may be common to both."""

CUT = 0.25
"""Share of a face's width and height that may lie outside the picture."""


@dataclass(frozen=True, slots=True)
class Frame:
    """``pixels`` uint8 (height, width) as a camera gives them; ``faces`` float32 (n, 4): left, top, right, bottom."""

    pixels: Pixels
    faces: Floats


def mirrored(frame: Frame, random: np.random.Generator) -> Frame:
    """The same seen in a mirror and in another light."""
    left, top, right, bottom = frame.faces.T
    width = frame.pixels.shape[1]
    flipped = np.ascontiguousarray(frame.pixels[:, ::-1])
    return Frame(expose(flipped, random), np.stack([width - right, top, width - left, bottom], axis=1))


class SceneGenerator:
    """Draws scenes of one size from one collection."""

    def __init__(self, collection: Collection, size_px: tuple[int, int], options: Synthesis) -> None:
        self.collection, self.size_px, self.options = collection, size_px, options

    def backdrop(self, key: Key) -> Pixels:
        """A picture without a face, the same for the same ``key``."""
        random = np.random.default_rng(key)
        canvas = self._ground(random)
        for _ in range(min(6, int(random.poisson(self.options.distractors)))):
            size = self._height(random)
            _place(canvas, distractor(self.collection, size, random), NO_FACES, self._pose(random), random)
        return canvas

    def scene(self, key: Key, backdrop: Key | None = None) -> Frame:
        """A scene with faces or none, on the backdrop of ``key`` unless another is named."""
        random = np.random.default_rng((*key, 1))
        canvas = self.backdrop(backdrop or key)
        if random.random() < 0.5:
            canvas = np.ascontiguousarray(canvas[:, ::-1])
        faces = NO_FACES
        for piece, turned in self._cast(random):
            faces = _place(canvas, piece, faces, self._pose(random) if turned else np.eye(2, dtype=np.float32), random)
        return Frame(degrade(canvas, random), _visible(faces, self.size_px))

    def _cast(self, random: np.random.Generator) -> list[tuple[Sprite, bool]]:
        """The pieces with faces, and whether each may be turned."""
        options = self.options
        kind = random.random()
        if kind < options.nobody:
            return []
        if kind < options.nobody + options.crowds:
            size = min(self._height(random), 0.12 * self.size_px[0])
            sizes = [size * float(random.uniform(0.8, 1.25)) for _ in range(random.integers(6, 20))]
        else:
            sizes = [self._height(random) for _ in range(random.integers(1, options.most_faces + 1))]
        sizes.sort(reverse=True)  # small ones find a place between large ones
        if kind > 1 - options.tiles:
            return [(tile(self.collection, size, options, random), False) for size in sizes]
        return [(head(self.collection, size, options, random), True) for size in sizes]

    def _height(self, random: np.random.Generator) -> float:
        smallest, largest = self.options.smallest_px, self.options.largest_px
        return float(smallest * (largest / smallest) ** (random.random() ** self.options.skew))

    def _pose(self, random: np.random.Generator) -> Floats:
        """A turned, mirrored and perhaps narrowed head, as the left (2, 2) of an affine matrix."""
        angle = np.deg2rad(random.normal(0, self.options.rotation_deg))
        width = random.choice((-1, 1)) * (random.uniform(0.55, 1) if random.random() < self.options.squeezed else 1)
        cosine, sine = np.cos(angle), np.sin(angle)
        return np.asarray(np.array([[cosine, -sine], [sine, cosine]]) * (width, 1))

    def _ground(self, random: np.random.Generator) -> Pixels:
        """A window of a photograph without faces; seldom two of them side by side or a plain wall."""
        kind = random.random()
        height, width = self.size_px
        if kind < 0.05:
            row = np.linspace(random.uniform(0, 255), random.uniform(0, 255), width)
            return np.tile(row.astype(np.uint8), (height, 1))
        if kind < 0.12:
            cut = int(width * random.uniform(0.3, 0.7))
            return np.hstack([self._view(random, (height, cut)), self._view(random, (height, width - cut))])
        return self._view(random, self.size_px)

    def _view(self, random: np.random.Generator, size_px: tuple[int, int]) -> Pixels:
        empty = self.collection.empty
        pixels = empty[int(random.integers(len(empty)))].pixels
        most = min(pixels.shape[0] / size_px[0], pixels.shape[1] / size_px[1])
        share = most * random.uniform(0.4, 1)
        height, width = (max(1, int(length * share)) for length in size_px)
        top, left = (
            int(random.integers(0, have - need + 1)) for have, need in zip(pixels.shape, (height, width), strict=True)
        )
        return stretch(pixels[top : top + height, left : left + width], size_px[1], size_px[0])


def _place(canvas: Pixels, piece: Sprite, faces: Floats, pose: Floats, random: np.random.Generator) -> Floats:
    """Draw ``piece`` where it hides no face; returns ``faces`` and its own, or ``faces`` if there is no such place."""
    middle = piece.faces[0] if len(piece.faces) else np.array([0, 0, *piece.pixels.shape[::-1]], np.float32)
    size, centre = middle[2:] - middle[:2], (middle[:2] + middle[2:]) / 2
    margin = (0.5 - CUT) * size
    for _ in range(TRIES):
        target = margin + random.random(2) * (np.array(canvas.shape[::-1]) - 2 * margin)
        matrix = np.column_stack([pose, target - pose @ centre])
        if not _hides(piece, matrix, faces):
            return np.concatenate([faces, piece.lay(canvas, matrix)])
    return faces


def _hides(piece: Sprite, matrix: Floats, faces: Floats) -> bool:
    """Whether ``piece`` would hide one of ``faces``, or lie in it."""
    if not len(faces):
        return False
    left, top, width, height = cv2.boundingRect((piece.alpha > 127).view(np.uint8))
    right, bottom = left + width, top + height
    corners = matrix @ np.array([[left, right, right, left], [top, top, bottom, bottom], [1, 1, 1, 1]])
    low, high = corners.min(axis=1), corners.max(axis=1)
    common = np.prod(np.maximum(np.minimum(faces[:, 2:], high) - np.maximum(faces[:, :2], low), 0), axis=1)
    areas = np.minimum(np.prod(faces[:, 2:] - faces[:, :2], axis=1), np.prod(high - low))
    return bool((common > HIDDEN * areas).any())


def _visible(faces: Floats, size_px: tuple[int, int]) -> Floats:
    """The visible parts of the faces whose centre is in the picture."""
    height, width = size_px
    limits = np.array([width, height, width, height], np.float32)
    centres = (faces[:, :2] + faces[:, 2:]) / 2
    inside = ((centres > 0) & (centres < limits[:2])).all(axis=1)
    return np.clip(faces[inside], 0, limits)
