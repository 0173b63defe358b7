"""Patches that resemble a pasted head but show no face, so that an outline or a pasted edge is no sign of a face."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge.records import Pixels
from edge.vision.detector.decode import Floats
from train.detector.synthesis.drawing import Sprite, blend, oval, stretch
from train.detector.synthesis.sprites import NO_FACES, Collection, around, light, outline, pick


def distractor(collection: Collection, size_px: float, random: np.random.Generator) -> Sprite:
    """A patch about ``size_px`` high that is cut and lit like a head and shows no face."""
    kinds = _texture, _body, _faceless, _scrambled, _part
    kind = kinds[int(random.choice(len(kinds), p=(0.3, 0.3, 0.15, 0.15, 0.1)))]
    pixels, face = kind(collection, size_px, random)
    if random.random() < 0.25:
        return Sprite(light(pixels, random), np.full_like(pixels, 255), NO_FACES)
    return Sprite(light(pixels, random), outline(pixels.shape, face, random), NO_FACES)


def _inner(shape: tuple[int, int]) -> Floats:
    """Where a face would be in a patch of ``shape`` that was cut like a head."""
    rows, columns = shape
    return np.array([0.3 * columns, 0.25 * rows, 0.7 * columns, 0.75 * rows], np.float32)


def _window(shape: tuple[int, int], random: np.random.Generator) -> tuple[int, int, int, int]:
    """A window of 0.15 to 0.6 of the shorter side: left, top, right, bottom."""
    side = max(4, round(min(shape) * random.uniform(0.15, 0.6)))
    top, left = (int(random.integers(0, max(length - side, 0) + 1)) for length in shape)
    return left, top, left + side, top + side


def _texture(collection: Collection, size_px: float, random: np.random.Generator) -> tuple[Pixels, Floats]:
    pixels = pick(collection.empty, random).pixels
    left, top, right, bottom = _window(pixels.shape, random)
    piece = stretch(pixels[top:bottom, left:right], 1.6 * size_px, 2 * size_px)
    return piece, _inner(piece.shape)


def _body(collection: Collection, size_px: float, random: np.random.Generator) -> tuple[Pixels, Floats]:
    """Clothes, hands, hair or wall of a photograph: a window that keeps clear of its faces."""
    photograph = pick(collection.photographs, random)
    for _ in range(8):
        window = _window(photograph.pixels.shape, random)
        low = np.maximum(photograph.faces[:, :2], window[:2])
        high = np.minimum(photograph.faces[:, 2:], window[2:])
        if not (high > low).all(axis=1).any():
            left, top, right, bottom = window
            piece = stretch(photograph.pixels[top:bottom, left:right], 1.6 * size_px, 2 * size_px)
            return piece, _inner(piece.shape)
    return _texture(collection, size_px, random)


def _faceless(collection: Collection, size_px: float, random: np.random.Generator) -> tuple[Pixels, Floats]:
    """A head whose face is hair, cloth or wall: seen from behind."""
    pixels, face = around(pick(collection.heads, random), size_px)
    fill, _ = (_body, _texture)[int(random.integers(2))](collection, size_px, random)
    over = stretch(fill, pixels.shape[1], pixels.shape[0])
    width, height = face[2:] - face[:2]
    centre = (float(face[0] + face[2]) / 2, float(face[1] + 0.48 * height))
    alpha = oval(pixels.shape, centre, (0.58 * float(width), 0.58 * float(height)), 0.05 * size_px)
    return blend(pixels, over, alpha), face


def _scrambled(collection: Collection, size_px: float, random: np.random.Generator) -> tuple[Pixels, Floats]:
    """A head whose face is cut into nine blocks in another order."""
    pixels, face = around(pick(collection.heads, random), max(size_px, 20))
    left, top = (max(0, round(float(value))) for value in face[:2])
    height = min(pixels.shape[0] - top, round(float(face[3] - face[1]))) // 3 * 3
    width = min(pixels.shape[1] - left, round(float(face[2] - face[0]))) // 3 * 3
    part = pixels[top : top + height, left : left + width]
    blocks = part.reshape(3, height // 3, 3, width // 3).swapaxes(1, 2).reshape(9, height // 3, width // 3)
    mixed = blocks[_disorder(random)].reshape(3, 3, height // 3, width // 3).swapaxes(1, 2).reshape(height, width)
    result = pixels.copy()
    result[top : top + height, left : left + width] = mixed
    return result, face


def _disorder(random: np.random.Generator) -> npt.NDArray[np.intp]:
    """An order of nine in which none stays in its place."""
    order = random.permutation(9)
    while (order == np.arange(9)).any():
        order = random.permutation(9)
    return order


def _part(collection: Collection, size_px: float, random: np.random.Generator) -> tuple[Pixels, Floats]:
    """A part of a face, such as an eye or a mouth, as large as a face."""
    photograph = pick(collection.heads, random)
    face = np.clip(photograph.faces[0], 0, None)
    size = (face[2:] - face[:2]) * random.uniform(0.25, 0.45)
    left, top = (face[:2] + (face[2:] - face[:2] - size) * random.random(2)).astype(int)
    width, height = np.maximum(size.astype(int), 3)
    piece = stretch(photograph.pixels[top : top + height, left : left + width], 1.4 * size_px, 1.6 * size_px)
    return piece, _inner(piece.shape)
