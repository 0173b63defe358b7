"""Scenes: backdrops without faces, heads pasted onto them, and what a camera makes of it.

Everything is drawn from numpy generators that seed, epoch and number of the scene decide, so a scene can be drawn
again at any time, on any machine, in any order.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from edge.vision.detector.decode import Floats
from edge.vision.detector.letterbox import MARGIN_GREY
from train.detector.recipe import Synthesis
from train.detector.synthesis.closeups import close_up
from train.detector.synthesis.degrade import degrade, expose
from train.detector.synthesis.distractors import beside_faces, distractor
from train.detector.synthesis.drawing import Pixels, Sprite, stretch
from train.detector.synthesis.poses import pose
from train.detector.synthesis.sprites import NO_FACES, Collection, head, tile

Key: TypeAlias = tuple[int, ...]
"""Seed of one backdrop."""

TRIES = 8
"""Places that are tried for a piece before it is left out."""

HIDDEN = 0.15
"""Share of a face, or of a smaller piece, that may be common to both."""

CUT = 0.25
"""Share of a pasted head's face, in width and height, that may lie outside the picture."""

SHOWN = 0.3
"""Share of a face that must be seen."""

DENSE, DENSE_PX = (8, 22), 90.0
"""Heads of a dense scene, from the first number to before the second, and the height of the largest face."""

BESIDE = 0.35
"""Share of the scenes without a face that a part of a person fills."""


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
        canvas = self.ground(random)
        for _ in range(min(6, int(random.poisson(self.options.distractors)))):
            size = self._height(random) * random.uniform(0.8, 1.3)
            place(canvas, distractor(self.collection, size, random), NO_FACES, pose(self.options, random), random)
        return canvas

    def scene(self, key: Key, backdrop: Key | None = None) -> Frame:
        """A scene with faces or none, on the backdrop of ``key`` unless another is named; or four, half as large."""
        if backdrop is None and np.random.default_rng((*key, 2)).random() < self.options.quartered:
            return self._four([self._one((*key, 3, quarter), None) for quarter in range(4)])
        return self._one(key, backdrop)

    def _four(self, scenes: list[Frame]) -> Frame:
        canvas, (rows, columns) = np.full(self.size_px, MARGIN_GREY, np.uint8), np.array(self.size_px) // 2
        faces = []
        for scene, (top, left) in zip(scenes, itertools.product((0, rows), (0, columns)), strict=True):
            half = cv2.resize(scene.pixels, (int(columns), int(rows)), interpolation=cv2.INTER_AREA)
            canvas[top : top + rows, left : left + columns] = half
            faces.append(scene.faces / 2 + np.array([left, top, left, top]))
        return Frame(canvas, np.concatenate(faces).astype(np.float32))

    def _one(self, key: Key, backdrop: Key | None) -> Frame:
        random = np.random.default_rng((*key, 1))
        options = self.options
        canvas = self.backdrop(backdrop or key)
        if random.random() < 0.5:
            canvas = canvas[:, ::-1]
        rows, columns = self._seen(random)
        canvas = np.ascontiguousarray(canvas[:rows, :columns])
        faces, kind = NO_FACES, random.random()
        if kind < options.nobody:
            if random.random() < BESIDE:
                canvas = beside_faces(self.collection, canvas, random)
        elif kind < options.nobody + options.close:
            faces = close_up(self.collection, canvas, options, random)
            sizes = [0.03 * 10 ** random.random() * rows for _ in range(random.integers(1, 5))]
            if random.random() < 0.5:
                faces = self._cast(canvas, sizes, faces, random)
        elif kind < options.nobody + options.close + options.crowds:
            size = min(self._height(random), 0.12 * rows)
            sizes = [size * float(random.uniform(0.8, 1.25)) for _ in range(random.integers(6, 20))]
            faces = self._cast(canvas, sizes, faces, random)
        else:
            if options.dense and random.random() < options.dense:
                smallest = options.smallest_px
                shares = random.random(int(random.integers(*DENSE))) ** 1.2
                sizes = list(smallest * (max(DENSE_PX, smallest) / smallest) ** shares)
            else:
                sizes = [self._height(random) for _ in range(random.integers(1, options.most_faces + 1))]
            faces = self._cast(canvas, sizes, faces, random, whole=kind > 1 - options.tiles)
        if random.random() < options.degraded:
            canvas = degrade(canvas, random)
        return Frame(self._framed(canvas), visible(faces, (rows, columns)))

    def _cast(
        self, canvas: Pixels, sizes: list[float], faces: Floats, random: np.random.Generator, whole: bool = False
    ) -> Floats:
        """Draw heads, or whole photographs, of these heights; returns all faces."""
        for size in sorted(sizes, reverse=True):  # small ones find a place between large ones
            if whole:
                piece, turn = tile(self.collection, size, self.options, random), np.eye(2)
            else:
                piece, turn = head(self.collection, size, self.options, random), pose(self.options, random)
            faces = place(canvas, piece, faces, turn, random)
        return faces

    def _seen(self, random: np.random.Generator) -> tuple[int, int]:
        """Height and width of what is seen: all, or what a frame of another shape leaves."""
        rows, columns = self.size_px
        if random.random() >= self.options.margins:
            return rows, columns
        if random.random() < 0.5:
            return int(rows * random.uniform(0.56, 0.97)), columns
        return rows, int(columns * random.uniform(0.5, 0.97))

    def _framed(self, canvas: Pixels) -> Pixels:
        if canvas.shape == self.size_px:
            return canvas
        pixels = np.full(self.size_px, MARGIN_GREY, np.uint8)
        pixels[: canvas.shape[0], : canvas.shape[1]] = canvas
        return pixels

    def _height(self, random: np.random.Generator) -> float:
        smallest, largest = self.options.smallest_px, self.options.largest_px
        return float(smallest * (largest / smallest) ** (random.random() ** self.options.skew))

    def ground(self, random: np.random.Generator) -> Pixels:
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
        share = most * random.uniform(0.35, 1)
        height, width = (max(1, int(length * share)) for length in size_px)
        top, left = (
            int(random.integers(0, have - need + 1)) for have, need in zip(pixels.shape, (height, width), strict=True)
        )
        return stretch(pixels[top : top + height, left : left + width], size_px[1], size_px[0])


def place(
    canvas: Pixels, piece: Sprite, faces: Floats, turn: npt.NDArray[np.float64], random: np.random.Generator
) -> Floats:
    """Draw ``piece`` where it hides no face; returns ``faces`` and its own, or ``faces`` if there is no such place."""
    middle = piece.faces[0] if len(piece.faces) else np.array([0, 0, *piece.pixels.shape[::-1]], np.float32)
    size, centre = middle[2:] - middle[:2], (middle[:2] + middle[2:]) / 2
    margin = np.minimum((0.5 - CUT) * size, 0.4 * np.array(canvas.shape[::-1]))
    for _ in range(TRIES):
        target = margin + random.random(2) * (np.array(canvas.shape[::-1]) - 2 * margin)
        matrix = np.column_stack([turn, target - turn @ centre])
        if not _hides(piece, matrix, faces):
            return np.concatenate([faces, piece.lay(canvas, matrix)])
    return faces


def _hides(piece: Sprite, matrix: npt.NDArray[np.float64], faces: Floats) -> bool:
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


def visible(faces: Floats, size_px: tuple[int, int]) -> Floats:
    """The faces whose centre is in the picture and of which it shows at least ``SHOWN``.

    Whole boxes, also what lies outside: a box that ends at the border would make a face that is cut by it a small one.
    """
    limits = np.array([size_px[1], size_px[0]], np.float32)
    centres = (faces[:, :2] + faces[:, 2:]) / 2
    seen = np.prod(np.maximum(np.minimum(faces[:, 2:], limits) - np.maximum(faces[:, :2], 0), 0), axis=1)
    enough = seen >= SHOWN * np.prod(faces[:, 2:] - faces[:, :2], axis=1)
    return np.asarray(faces[enough & ((centres > 0) & (centres < limits)).all(axis=1)], np.float32)
