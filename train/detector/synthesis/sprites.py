"""Makes sprites of heads and of whole photographs."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from edge.errors import DataError
from edge.records import Pixels
from edge.vision.detector.decode import Floats
from train.data.photographs import Photograph
from train.detector.recipe import Synthesis
from train.detector.synthesis.drawing import Sprite, blend, oval, polygon, stretch
from train.detector.synthesis.occlusions import occlude

SQUARE = 1.013
"""Side of FER2013's pictures in heights of YuNet's box on the same face, whose centre is the picture's."""

NO_FACES = np.empty((0, 4), np.float32)


@dataclass(frozen=True, slots=True)
class Collection:
    """What scenes are made from.

    ``photographs`` show faces, ``empty`` ones none. ``faces`` uint8 (n, 48, 48) are FER2013's, cut tightly; may be
    none at all.
    """

    photographs: list[Photograph]
    empty: list[Photograph]
    faces: npt.NDArray[np.uint8]
    heads: list[Photograph] = field(init=False)
    """The photographs of one face that is large enough to be cut out."""

    def __post_init__(self) -> None:
        heads = [each for each in self.photographs if len(each.faces) == 1 and np.ptp(each.faces[0, 1::2]) >= 24]
        if not heads or not self.empty:
            raise DataError(
                f"{len(heads)} photographs of one face and {len(self.empty)} without any; expected some of both"
            )
        object.__setattr__(self, "heads", heads)

    def split(self, faces: npt.NDArray[np.uint8]) -> tuple[Collection, Collection]:
        """What to learn from, and what is held back, which is given other ``faces``."""

        def part(held: bool, worn: npt.NDArray[np.uint8]) -> Collection:
            with_faces, without = (
                [each for each in group if each.is_held_back == held] for group in (self.photographs, self.empty)
            )
            return Collection(with_faces, without, worn)

        return part(False, self.faces), part(True, faces)


def head(collection: Collection, height_px: float, options: Synthesis, random: np.random.Generator) -> Sprite:
    """A head or bust whose face is ``height_px`` high, perhaps with another face or partly covered."""
    photograph = pick(collection.heads, random)
    pixels, face = around(photograph, height_px)
    if len(collection.faces) and random.random() < options.swapped:
        pixels = _swap(pixels, face, collection.faces[random.integers(len(collection.faces))], random)
    if random.random() < options.covered:
        pixels = occlude(pixels, face, random)
    return Sprite(light(pixels, random), outline(pixels.shape, face, random), face[np.newaxis])


def tile(collection: Collection, height_px: float, options: Synthesis, random: np.random.Generator) -> Sprite:
    """A whole photograph as it is, one of whose faces is ``height_px`` high; rarely one of FER2013's pictures."""
    if len(collection.faces) and random.random() < options.swapped / 4:
        side = height_px * SQUARE
        pixels = stretch(collection.faces[random.integers(len(collection.faces))], side, side)
        margin = (side - 0.75 * height_px) / 2
        faces = np.array([[margin, (side - height_px) / 2, side - margin, (side + height_px) / 2]], np.float32)
    else:
        photograph = pick(collection.photographs, random)
        pixels, faces = _scaled(photograph, random.choice(photograph.faces), height_px)
    if random.random() < options.covered / 2:
        for face in faces:
            pixels = occlude(pixels, face, random)
    return Sprite(pixels, np.full_like(pixels, 255), faces)


def pick(photographs: list[Photograph], random: np.random.Generator) -> Photograph:
    """One of them."""
    return photographs[int(random.integers(len(photographs)))]


def _scaled(photograph: Photograph, face: Floats, height_px: float) -> tuple[Pixels, Floats]:
    scale = height_px / (face[3] - face[1])
    rows, columns = photograph.pixels.shape
    return stretch(photograph.pixels, columns * scale, rows * scale), photograph.faces * scale


def around(photograph: Photograph, height_px: float) -> tuple[Pixels, Floats]:
    """The face of ``photograph`` with hair, neck and shoulders, scaled, and its place in that."""
    face = photograph.faces[0]
    width, height = face[2:] - face[:2]
    rows, columns = photograph.pixels.shape
    left, top = max(0, round(face[0] - width)), max(0, round(face[1] - 0.7 * height))
    right, bottom = min(columns, round(face[2] + width)), min(rows, round(face[3] + 0.9 * height))
    piece = photograph.pixels[top:bottom, left:right]
    scale = height_px / height
    pixels = stretch(piece, piece.shape[1] * scale, piece.shape[0] * scale)
    return pixels, ((face - np.array([left, top, left, top])) * scale).astype(np.float32)


def outline(shape: tuple[int, int], face: Floats, random: np.random.Generator) -> Pixels:
    """An alpha around head and hair, half of the time with the shoulders, softer or sharper."""
    width, height = face[2:] - face[:2]
    centre = (float(face[0] + face[2]) / 2, float(face[1] + 0.42 * height))
    radii = float(width * random.uniform(0.62, 0.9)), float(height * random.uniform(0.62, 0.85))
    feather = float(height * random.uniform(0.01, 0.12))
    alpha = oval(shape, centre, radii, feather)
    if random.random() < 0.5:
        neck, breadth = 0.45 * width, width * random.uniform(1.1, 1.8)
        bottom, fall = face[1] + 2.2 * height, face[1] + random.uniform(1.15, 1.5) * height
        shoulders = [(centre[0] - neck, face[3] - 0.15 * height), (centre[0] + neck, face[3] - 0.15 * height)]
        shoulders += [(centre[0] + breadth, fall), (centre[0] + breadth, bottom)]
        shoulders += [(centre[0] - breadth, bottom), (centre[0] - breadth, fall)]
        alpha = np.maximum(alpha, polygon(shape, shoulders, feather))
    return alpha


def _swap(pixels: Pixels, face: Floats, other: Pixels, random: np.random.Generator) -> Pixels:
    """``pixels`` with the face ``other`` (48, 48) where ``face`` is, in the light of the one before."""
    width, height = face[2:] - face[:2]
    side = height * SQUARE * random.uniform(0.97, 1.05)
    worn = stretch(other if random.random() < 0.5 else other[:, ::-1], side, side).astype(np.float32)
    side_px = len(worn)
    left, top = round(float(face[0] + face[2] - side) / 2), round(float(face[1] + face[3] - side) / 2)
    rows, columns = pixels.shape
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + side_px, columns), min(top + side_px, rows)
    before = pixels[y0:y1, x0:x1]
    worn = (worn - worn.mean()) * (0.5 + 0.5 * before.std() / (worn.std() + 1)) + before.mean()
    alpha = oval(worn.shape, (side_px / 2, side_px / 2), (0.46 * float(width) * 1.1, 0.5 * float(height)), 0.06 * side)
    inside = slice(y0 - top, y1 - top), slice(x0 - left, x1 - left)
    result = pixels.copy()
    result[y0:y1, x0:x1] = blend(before, np.clip(worn, 0, 255).astype(np.uint8)[inside], alpha[inside])
    return result


def light(pixels: Pixels, random: np.random.Generator) -> Pixels:
    """Another exposure; sometimes light from the side."""
    gain, lift = np.exp(random.normal(-0.05, 0.2)), random.normal(0, 12)
    if random.random() < 0.25:
        ramp = np.linspace(random.uniform(0.3, 1), random.uniform(0.3, 1), pixels.shape[1], dtype=np.float32)
        return np.clip(pixels * (ramp * np.float32(gain)) + np.float32(lift), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(pixels, np.clip(np.arange(256) * gain + lift, 0, 255).astype(np.uint8)), np.uint8)
