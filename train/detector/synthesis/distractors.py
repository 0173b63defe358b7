"""Patches that resemble a pasted head but show no face, so that an outline or a pasted edge is no sign of a face."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge.vision.detector.decode import Floats
from train.detector.synthesis.drawing import Pixels, Sprite, blend, oval, polygon, stretch
from train.detector.synthesis.sprites import NO_FACES, Collection, around, light, outline, pick


def distractor(collection: Collection, size_px: float, random: np.random.Generator) -> Sprite:
    """A sprite about ``size_px`` high that is cut and lit like a head and shows no face."""
    if collection.things and random.random() < 0.34:
        return _thing(collection, size_px, random)
    if random.random() < 0.2:
        return torso(collection, size_px, random)
    kinds = _texture, _body, _faceless, _scrambled, _part
    kind = kinds[int(random.choice(len(kinds), p=(0.22, 0.45, 0.18, 0.05, 0.1)))]
    pixels, face = kind(collection, size_px, random)
    if random.random() < 0.3:
        return Sprite(light(pixels, random), np.full_like(pixels, 255), NO_FACES)
    return Sprite(light(pixels, random), outline(pixels.shape, face, random), NO_FACES)


def torso(collection: Collection, size_px: float, random: np.random.Generator) -> Sprite:
    """What a portrait shows below a chin ``size_px`` under the forehead: somebody whose head is out of the picture."""
    photograph = pick(collection.heads, random)
    left, top, right, bottom = photograph.faces[0]
    start = int(bottom + random.uniform(-0.02, 0.25) * (bottom - top))
    part = photograph.pixels[min(start, len(photograph.pixels) - 8) :]
    scale = size_px / float(bottom - top)
    pixels = stretch(part, part.shape[1] * scale, part.shape[0] * scale)
    if random.random() < 0.4:
        return Sprite(light(pixels, random), np.full_like(pixels, 255), NO_FACES)
    centre, width, rows = float(left + right) / 2 * scale, float(right - left) * scale, len(pixels)
    outside = [(0.4 * width, 0.0), (1.5 * width, 0.35 * size_px), (1.6 * width, float(rows))]
    points = [(centre - x, y) for x, y in outside] + [(centre + x, y) for x, y in reversed(outside)]
    return Sprite(light(pixels, random), polygon(pixels.shape, points, 0.03 * size_px), NO_FACES)


def beside_faces(collection: Collection, canvas: Pixels, random: np.random.Generator) -> Pixels:
    """A picture of ``canvas``'s shape that a part of a person fills, without the face; ``canvas`` if none is found."""
    rows, columns = canvas.shape
    for _ in range(12):
        photograph = pick(collection.heads if random.random() < 0.6 else collection.people, random)
        high, wide = photograph.pixels.shape
        width = wide * random.uniform(0.4, 0.95)
        height = width * rows / columns
        if height > high:
            continue
        left, top = random.uniform(0, wide - width), random.uniform(0, high - height)
        if _shown(photograph.faces, (left, top, left + width, top + height)) < 0.12:
            part = photograph.pixels[int(top) : int(top + height) + 1, int(left) : int(left + width) + 1]
            return stretch(part, columns, rows)
    return canvas


def _shown(faces: Floats, window: tuple[float, float, float, float]) -> float:
    """The largest share of one of ``faces`` that lies in ``window``."""
    low, high = np.maximum(faces[:, :2], window[:2]), np.minimum(faces[:, 2:], window[2:])
    areas = np.prod(faces[:, 2:] - faces[:, :2], axis=1)
    return float((np.prod(np.maximum(high - low, 0), axis=1) / areas).max(initial=0))


def _thing(collection: Collection, size_px: float, random: np.random.Generator) -> Sprite:
    thing = collection.things[int(random.integers(len(collection.things)))]
    pixels, alpha = thing.scaled(size_px * random.uniform(0.9, 1.8))
    return Sprite(light(255 - pixels if random.random() < 0.3 else pixels, random), alpha, NO_FACES)


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
    """Clothes, hands, ears, hair or wall of a photograph: a window that keeps clear of its faces."""
    photograph = pick(collection.people, random)
    for _ in range(8):
        left, top, right, bottom = _window(photograph.pixels.shape, random)
        if _shown(photograph.faces, (left, top, right, bottom)) < 0.06:
            piece = stretch(photograph.pixels[top:bottom, left:right], 1.6 * size_px, 2 * size_px)
            return piece, _inner(piece.shape)
    return _texture(collection, size_px, random)


def _faceless(collection: Collection, size_px: float, random: np.random.Generator) -> tuple[Pixels, Floats]:
    """A head whose face is its own hair, or cloth, or wall: seen from behind."""
    pixels, face = around(pick(collection.heads, random), size_px)
    width, height = face[2:] - face[:2]
    top, bottom = (max(0, int(face[1] - share * height)) for share in (0.45, 0.05))
    hair = pixels[top : max(top + 3, bottom), max(0, int(face[0])) : int(face[2]) + 1]
    if random.random() < 0.35 or not hair.size:
        hair, _ = (_body, _texture)[int(random.integers(2))](collection, size_px, random)
    over = stretch(hair, pixels.shape[1], pixels.shape[0])
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
