"""Makes sprites of heads and of whole photographs."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from edge.errors import DataError
from edge.vision.detector.decode import Floats
from train.data.photographs import Photograph
from train.detector.recipe import Synthesis
from train.detector.synthesis.drawing import Pixels, Sprite, blend, oval, polygon, stretch
from train.detector.synthesis.occlusions import Thing, occlude
from train.detector.synthesis.poses import bow

SQUARE = 1.013
"""Side of FER2013's pictures in heights of YuNet's box on the same face, whose centre is the picture's."""

NARROW = 0.75
"""Width of the boxes that are assumed for FER2013's faces, in their heights."""

NO_FACES = np.empty((0, 4), np.float32)

_LEAST_PX, _LEAST_TIGHT_PX = 24, 30
"""Heights of the faces that are worth cutting out, with hair and shoulders, and alone."""

_LOOSE = 0.7
"""A photograph shows more than a face if that takes no more of its height."""


@dataclass(frozen=True, slots=True)
class Collection:
    """What scenes are made from.

    ``photographs`` show faces, ``empty`` ones none. ``faces`` uint8 (n, 48, 48) are FER2013's, cut tightly; may be
    none at all. ``tight`` are photographs of heads with little around them, some with masks; ``things`` objects that
    are no face. Both may be none.
    """

    photographs: list[Photograph]
    empty: list[Photograph]
    faces: npt.NDArray[np.uint8]
    tight: list[Photograph] = field(default_factory=list)
    things: list[Thing] = field(default_factory=list)
    heads: list[Photograph] = field(init=False)
    """The photographs of one face that is large enough to be cut out with hair and shoulders."""
    loose: list[Photograph] = field(init=False)
    """Those of ``tight`` that can be cut out in the same way."""
    wearable: list[Photograph] = field(init=False)
    """Those of ``tight`` whose one face is large enough to be put onto another head, or to fill a picture."""

    def __post_init__(self) -> None:
        heads = _single(self.photographs, _LEAST_PX)
        if not heads or not self.empty:
            raise DataError(
                f"{len(heads)} photographs of one face and {len(self.empty)} without any; expected some of both"
            )
        loose = [one for one in _single(self.tight, _LEAST_PX) if _height(one) < _LOOSE * len(one.pixels)]
        object.__setattr__(self, "heads", heads)
        object.__setattr__(self, "loose", loose)
        object.__setattr__(self, "wearable", _single(self.tight, _LEAST_TIGHT_PX))

    @property
    def people(self) -> list[Photograph]:
        """All that shows somebody."""
        return [*self.photographs, *self.tight]

    def split(self, faces: npt.NDArray[np.uint8]) -> tuple[Collection, Collection]:
        """What to learn from, and what is held back, which is given other ``faces``."""

        def part(held: bool, worn: npt.NDArray[np.uint8]) -> Collection:
            with_faces, without, tight = (
                [each for each in group if each.is_held_back == held]
                for group in (self.photographs, self.empty, self.tight)
            )
            things = [each for each in self.things if each.is_held_back == held]
            return Collection(with_faces, without, worn, tight, things)

        return part(False, self.faces), part(True, faces)


def _single(photographs: list[Photograph], least_px: float) -> list[Photograph]:
    return [each for each in photographs if len(each.faces) == 1 and _height(each) >= least_px]


def _height(photograph: Photograph) -> float:
    return float(np.ptp(photograph.faces[0, 1::2]))


def pick(photographs: list[Photograph], random: np.random.Generator) -> Photograph:
    """One of them."""
    return photographs[int(random.integers(len(photographs)))]


def fer_face(collection: Collection, random: np.random.Generator) -> tuple[Pixels, Floats]:
    """One of FER2013's pictures and the box that its frame stands for."""
    pixels = collection.faces[int(random.integers(len(collection.faces)))]
    side = len(pixels)
    height = side / SQUARE
    reach = np.array([NARROW * height / 2, height / 2])
    return pixels, np.concatenate([side / 2 - reach, side / 2 + reach]).astype(np.float32)


def head(collection: Collection, height_px: float, options: Synthesis, random: np.random.Generator) -> Sprite:
    """A head or bust whose face is ``height_px`` high, perhaps with another face, partly covered or bowed."""
    loose = collection.loose and random.random() < 0.22
    photograph = pick(collection.loose if loose else collection.heads, random)
    pixels, face = around(photograph, height_px)
    if not photograph.is_masked and random.random() < options.worn:
        pixels, face = wear(collection, pixels, face, random)
    if random.random() < options.covered:
        pixels = occlude(pixels, face, collection.things, random)
    if random.random() < options.bowed:
        pixels, face = bow(pixels, face, random)
    return Sprite(light(pixels, random), outline(pixels.shape, face, random), face[np.newaxis])


def tile(collection: Collection, height_px: float, options: Synthesis, random: np.random.Generator) -> Sprite:
    """A whole photograph as it is, one of whose faces is ``height_px`` high; sometimes one of FER2013's pictures."""
    kind = random.random()
    if len(collection.faces) and kind < 0.15:
        pixels, face = fer_face(collection, random)
        faces, index = face[np.newaxis], 0
    else:
        photograph = pick(collection.tight if collection.tight and kind < 0.6 else collection.photographs, random)
        pixels, faces = photograph.pixels, photograph.faces
        index = int(random.integers(len(faces)))
    scale = height_px / float(faces[index, 3] - faces[index, 1])
    pixels, faces = stretch(pixels, pixels.shape[1] * scale, pixels.shape[0] * scale), faces * np.float32(scale)
    if random.random() < options.covered / 2:
        pixels = occlude(pixels, faces[index], collection.things, random)
    return Sprite(pixels, np.full_like(pixels, 255), faces)


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
    """An alpha around head and hair, mostly with the shoulders, softer or sharper."""
    width, height = face[2:] - face[:2]
    centre = (float(face[0] + face[2]) / 2, float(face[1] + 0.42 * height))
    radii = float(width * random.uniform(0.62, 0.95)), float(height * random.uniform(0.62, 0.9))
    feather = float(height * random.uniform(0.01, 0.1))
    alpha = oval(shape, centre, radii, feather)
    if random.random() < 0.65:
        neck, breadth = 0.45 * width, width * random.uniform(1.1, 1.9)
        bottom, fall = face[1] + 2.4 * height, face[1] + random.uniform(1.15, 1.5) * height
        shoulders = [(centre[0] - neck, face[3] - 0.15 * height), (centre[0] + neck, face[3] - 0.15 * height)]
        shoulders += [(centre[0] + breadth, fall), (centre[0] + breadth, bottom)]
        shoulders += [(centre[0] - breadth, bottom), (centre[0] - breadth, fall)]
        alpha = np.maximum(alpha, polygon(shape, shoulders, feather))
    return alpha


def wear(collection: Collection, pixels: Pixels, face: Floats, random: np.random.Generator) -> tuple[Pixels, Floats]:
    """``pixels`` with another face where ``face`` is, in the light of the one before, and its box.

    The face is one of FER2013's or, for two in five, one of a tight photograph, half of which wear real masks.
    """
    if len(collection.faces) and (not collection.wearable or random.random() < 0.6):
        other, box = fer_face(collection, random)
    elif collection.wearable:
        photograph = pick(collection.wearable, random)
        other, box = photograph.pixels, photograph.faces[0]
    else:
        return pixels, face
    if random.random() < 0.5:
        other, box = other[:, ::-1], np.array([other.shape[1] - box[2], box[1], other.shape[1] - box[0], box[3]])
    height = float(face[3] - face[1])
    scale = height / float(box[3] - box[1])
    worn = stretch(other, other.shape[1] * scale, other.shape[0] * scale).astype(np.float32)
    middle, target = (box[:2] + box[2:]) / 2 * scale, (face[:2] + face[2:]) / 2
    left, top = (round(float(value)) for value in target - middle)
    rows, columns = pixels.shape
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + worn.shape[1], columns), min(top + worn.shape[0], rows)
    if x1 - x0 < 4 or y1 - y0 < 4:
        return pixels, face
    reach = float(box[2] - box[0]) * scale / 2
    before = pixels[y0:y1, x0:x1]
    worn = (worn - worn.mean()) * (0.5 + 0.5 * before.std() / (worn.std() + 1)) + before.mean()
    alpha = oval(
        (worn.shape[0], worn.shape[1]),
        (float(middle[0]), float(middle[1])),
        (1.06 * reach, 0.53 * height),
        0.06 * height,
    )
    inside = slice(y0 - top, y1 - top), slice(x0 - left, x1 - left)
    result = pixels.copy()
    result[y0:y1, x0:x1] = blend(before, np.clip(worn, 0, 255).astype(np.uint8)[inside], alpha[inside])
    return result, np.array([target[0] - reach, face[1], target[0] + reach, face[3]], np.float32)


def light(pixels: Pixels, random: np.random.Generator) -> Pixels:
    """Another exposure; sometimes light from the side."""
    gain, lift = np.exp(random.normal(-0.05, 0.22)), random.normal(0, 12)
    if random.random() < 0.28:
        ramp = np.linspace(random.uniform(0.2, 1.1), random.uniform(0.2, 1.1), pixels.shape[1], dtype=np.float32)
        return np.clip(pixels * (ramp * np.float32(gain)) + np.float32(lift), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(pixels, np.clip(np.arange(256) * gain + lift, 0, 255).astype(np.uint8)), np.uint8)
