"""Scenes: backdrops without faces, heads pasted onto them, and what a camera makes of it.

Everything is drawn from numpy generators that seed, epoch and number of the scene decide, so a scene can be drawn
again at any time, on any machine, in any order.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
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
from train.detector.synthesis.drawn_things import draw, drawn_thing, texture
from train.detector.synthesis.faceless import faceless_head, hood
from train.detector.synthesis.poses import pose
from train.detector.synthesis.sprites import NO_FACES, Collection, head, tile

Key: TypeAlias = tuple[int, ...]
"""Seed of one backdrop."""

MOST_DISTRACTORS = 6
"""On a backdrop, and once more before it."""

TRIES = 8
"""Places that are tried for a piece before it is left out."""

HIDDEN = 0.15
"""Share of a face, or of a smaller piece, that may be common to both."""

CUT = 0.25
"""Share of a pasted head's face, in width and height, that may lie outside the picture."""

SHOWN, CUT_OFF = 0.3, 0.06
"""Least share of a face that must be seen. One that shows less, but at least the second share, is neither face nor
background."""

FLAT, FLAT_AT_NIGHT = 4.0, 3.0
"""Standard deviation of the greys of a face, reduced to 6x8 pixels, below which it is not seen in light or cover: in
bright pictures and in dark ones."""

NIGHT = 50.0
"""Mean grey of a face in a dark picture."""

DENSE, DENSE_PX = (8, 22), 90.0
"""Heads of a dense scene, from the first number to before the second, and the height of the largest face."""

BESIDE, FACELESS, HOODS = 0.35, 0.12, 0.08
"""Shares of the scenes without a face in which a part of a person fills the picture, or a large head without a face or
from behind is in it."""


@dataclass(frozen=True, slots=True)
class Frame:
    """``pixels`` uint8 (height, width) as a camera gives them; ``faces`` float32 (n, 4): left, top, right, bottom.

    ``unclear`` (n, 4) are others of which so little is in the picture that nobody could tell.
    """

    pixels: Pixels
    faces: Floats
    unclear: Floats = field(default_factory=lambda: NO_FACES)


def mirrored(frame: Frame, random: np.random.Generator) -> Frame:
    """The same seen in a mirror and in another light."""
    width = frame.pixels.shape[1]

    def flip(boxes: Floats) -> Floats:
        left, top, right, bottom = boxes.T
        return np.stack([width - right, top, width - left, bottom], axis=1)

    pixels = expose(np.ascontiguousarray(frame.pixels[:, ::-1]), random)
    return Frame(pixels, flip(frame.faces), flip(frame.unclear))


class SceneGenerator:
    """Draws scenes of one size from one collection."""

    def __init__(self, collection: Collection, size_px: tuple[int, int], options: Synthesis) -> None:
        self.collection, self.size_px, self.options = collection, size_px, options

    def backdrop(self, key: Key) -> Pixels:
        """A picture without a face, the same for the same ``key``."""
        random = np.random.default_rng(key)
        canvas = self.ground(random)
        self._distract(canvas, self.options.distractors, NO_FACES, random)
        return canvas

    def _distract(self, canvas: Pixels, mean: float, faces: Floats, random: np.random.Generator) -> None:
        """Draw so many distractors, none of them on a face."""
        for _ in range(min(MOST_DISTRACTORS, int(random.poisson(mean)))):
            size = self._height(random) * random.uniform(0.8, 1.3)
            place(canvas, self._distractor(size, random), faces, pose(self.options, random), random, hidden=0)

    def _distractor(self, size_px: float, random: np.random.Generator) -> Sprite:
        drawn, faceless = self.options.drawn, self.options.faceless
        kind = random.random() if drawn or faceless else 1.0
        if kind < drawn:
            return drawn_thing(self.collection, size_px, random)
        if kind < drawn + faceless:
            return faceless_head(self.collection, size_px, random, texture(self.collection, random))
        return distractor(self.collection, size_px, random)

    def scene(self, key: Key, backdrop: Key | None = None) -> Frame:
        """A scene with faces or none, on the backdrop of ``key`` unless another is named; or four, half as large."""
        if backdrop is None and np.random.default_rng((*key, 2)).random() < self.options.quartered:
            return self._four([self._one((*key, 3, quarter), None) for quarter in range(4)])
        return self._one(key, backdrop)

    def _four(self, scenes: list[Frame]) -> Frame:
        canvas, (rows, columns) = np.full(self.size_px, MARGIN_GREY, np.uint8), np.array(self.size_px) // 2
        faces, unclear = [], []
        for scene, (top, left) in zip(scenes, itertools.product((0, rows), (0, columns)), strict=True):
            half = cv2.resize(scene.pixels, (int(columns), int(rows)), interpolation=cv2.INTER_AREA)
            canvas[top : top + rows, left : left + columns] = half
            faces.append(scene.faces / 2 + np.array([left, top, left, top]))
            unclear.append(scene.unclear / 2 + np.array([left, top, left, top]))
        return Frame(canvas, *(np.concatenate(boxes).astype(np.float32) for boxes in (faces, unclear)))

    def _one(self, key: Key, backdrop: Key | None) -> Frame:
        random = np.random.default_rng((*key, 1))
        options = self.options
        canvas = self.backdrop(backdrop or key)
        if random.random() < 0.5:
            canvas = canvas[:, ::-1]
        rows, columns = self._seen(random)
        canvas = np.ascontiguousarray(canvas[:rows, :columns])
        faces, kind, in_front = NO_FACES, random.random(), options.in_front
        if kind < options.nobody:
            canvas, in_front = self._nobody(canvas, random), 2 * in_front
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
        if in_front:
            self._distract(canvas, in_front, faces, random)
        if random.random() < options.degraded:
            canvas = degrade(canvas, random, options.exposures)
        return Frame(
            self._framed(canvas), visible(faces, (rows, columns)), visible(faces, (rows, columns), cut_off=True)
        )

    def _nobody(self, canvas: Pixels, random: np.random.Generator) -> Pixels:
        """``canvas``, a part of a person instead, or a large head without a face on it."""
        kind, height = random.random(), len(canvas) * random.uniform(0.3, 1.1)
        if kind < BESIDE:
            return beside_faces(self.collection, canvas, random)
        if kind < BESIDE + FACELESS:
            head_ = faceless_head(self.collection, height, random, texture(self.collection, random))
            place(canvas, head_, NO_FACES, pose(self.options, random, 0.4), random)
        elif kind < BESIDE + FACELESS + HOODS:
            place(
                canvas, draw(hood, self.collection, height, random), NO_FACES, pose(self.options, random, 0.4), random
            )
        return canvas

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
    canvas: Pixels,
    piece: Sprite,
    faces: Floats,
    turn: npt.NDArray[np.float64],
    random: np.random.Generator,
    hidden: float = HIDDEN,
) -> Floats:
    """Draw ``piece`` where it hides no face; returns ``faces`` and its own, or ``faces`` if there is no such place."""
    middle = piece.faces[0] if len(piece.faces) else np.array([0, 0, *piece.pixels.shape[::-1]], np.float32)
    size, centre = middle[2:] - middle[:2], (middle[:2] + middle[2:]) / 2
    margin = np.minimum((0.5 - CUT) * size, 0.4 * np.array(canvas.shape[::-1]))
    corners = _corners(piece, hidden)
    for _ in range(TRIES):
        target = margin + random.random(2) * (np.array(canvas.shape[::-1]) - 2 * margin)
        matrix = np.column_stack([turn, target - turn @ centre])
        if not _hides(matrix @ corners, faces, hidden):
            return np.concatenate([faces, piece.lay(canvas, matrix)])
    return faces


def _corners(piece: Sprite, hidden: float) -> npt.NDArray[np.int_]:
    """Those of the box around ``piece``, homogeneous, (3, 4); soft edges count where nothing may be hidden."""
    left, top, width, height = cv2.boundingRect((piece.alpha > (127 if hidden else 0)).view(np.uint8))
    right, bottom = left + width, top + height
    return np.array([[left, right, right, left], [top, top, bottom, bottom], [1, 1, 1, 1]])


def _hides(corners: npt.NDArray[np.float64], faces: Floats, hidden: float) -> bool:
    """Whether what lies between ``corners`` (2, 4) hides more than a share ``hidden`` of one of ``faces``, or of itself
    in one.
    """
    if not len(faces):
        return False
    low, high = corners.min(axis=1), corners.max(axis=1)
    common = np.prod(np.maximum(np.minimum(faces[:, 2:], high) - np.maximum(faces[:, :2], low), 0), axis=1)
    areas = np.minimum(np.prod(faces[:, 2:] - faces[:, :2], axis=1), np.prod(high - low))
    return bool((common > hidden * areas).any())


def visible(faces: Floats, size_px: tuple[int, int], *, cut_off: bool = False) -> Floats:
    """The faces whose centre is in the picture and of which it shows at least ``SHOWN``.

    Whole boxes, also what lies outside: a box that ends at the border would make a face that is cut by it a small one.
    With ``cut_off`` the others of which it shows at least ``CUT_OFF``.
    """
    limits = np.array([size_px[1], size_px[0]], np.float32)
    centres = (faces[:, :2] + faces[:, 2:]) / 2
    seen = np.prod(np.maximum(np.minimum(faces[:, 2:], limits) - np.maximum(faces[:, :2], 0), 0), axis=1)
    areas = np.prod(faces[:, 2:] - faces[:, :2], axis=1)
    shown = (seen >= SHOWN * areas) & ((centres > 0) & (centres < limits)).all(axis=1)
    return np.asarray(faces[~shown & (seen >= CUT_OFF * areas) if cut_off else shown], np.float32)


def without_flat(frame: Frame) -> Frame:
    """``frame`` with the faces of which light or cover leave nothing to see among the ``unclear`` ones."""
    flat = np.array([_is_flat(frame.pixels, face) for face in frame.faces], bool)
    return Frame(frame.pixels, frame.faces[~flat], np.concatenate([frame.unclear, frame.faces[flat]]))


def _is_flat(pixels: Pixels, face: Floats) -> bool:
    left, top, right, bottom = (max(0, int(side)) for side in face)
    reduced = cv2.resize(pixels[top : bottom + 1, left : right + 1], (6, 8), interpolation=cv2.INTER_AREA)
    return bool(reduced.std() < (FLAT_AT_NIGHT if reduced.mean() < NIGHT else FLAT))
