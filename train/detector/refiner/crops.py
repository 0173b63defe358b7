"""A detector's candidates on scenes -> labelled crops, what a refiner learns from."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from edge.errors import ModelError
from edge.records import Pixels
from edge.vision.detector.decode import Boxes, Floats, overlaps
from edge.vision.detector.refiner import cut_out
from train.detector.candidates import Find
from train.detector.refiner.recipe import Recipe
from train.detector.synthesis.scenes import Frame, Key, SceneGenerator, without_flat
from train.detector.synthesis.sprites import Collection

FACE_IOU, NOTHING_IOU = 0.4, 0.3
"""Intersection over union with a face from which a candidate is one, and below which it is none. What lies between
teaches no score."""

LEAST_PX, LEAST_FACE_PX = 12.0, 15.0
"""Heights of the smallest candidate, and of the smallest face that is learnt: nobody asks for smaller ones."""

TOUCHED_IOU = 0.12
"""A candidate that overlaps so much with a face that is too small or too unclear is neither face nor background."""

_AT_ONCE = 32
"""Scenes in memory."""

NOWHERE = np.zeros((1, 4), np.float32)
"""A face that no box overlaps, so that every box has a best one."""

_SIZE_ERROR, _PLACE_ERROR = 0.1, 0.08
"""Standard deviations of the boxes that are added: of the log of width and height, and of the place in heights."""


@dataclass(frozen=True, slots=True)
class Crops:
    """Candidates that were cut out, n of them.

    ``pixels`` uint8 (n, side, side), not yet normalised. ``overlaps`` float32 (n,): intersection over union with the
    best face. ``sides`` float32 (n, 4): that face's left, top, right and bottom in sides of the crop. ``logits``
    float32 (n,): of the detector's score. ``heights_px`` float32 (n,): of the box in the scene.
    """

    pixels: Pixels
    overlaps: Floats
    sides: Floats
    logits: Floats
    heights_px: Floats

    def __len__(self) -> int:
        return len(self.logits)

    @classmethod
    def join(cls, parts: Sequence[Crops]) -> Crops:
        """All of ``parts``, at least one."""
        return cls(*(np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(cls)))

    def weights(self) -> npt.NDArray[np.float64]:
        """How often each should be drawn, (n,), 1 in all: faces and others of every octave of height count.

        A kind counts as the square root of how many there are of it.
        """
        octave = np.log2(np.clip(self.heights_px, 16, 500) / 16).astype(int)
        kind = 2 * octave + (self.overlaps >= FACE_IOU)
        weights = 1 / np.sqrt(np.bincount(kind))[kind]
        return np.asarray(weights / weights.sum(), np.float64)


class CropGenerator:
    """Draws scenes, lets a detector find candidates in them, and cuts these out. Used by one thread only.

    Attributes:
        crops_per_s: how fast the last ``draw`` was, 0 before.
    """

    def __init__(self, find: Find, collection: Collection, recipe: Recipe, workers: int = 1) -> None:
        """Cut what ``find`` finds in scenes of ``collection``, which ``workers`` threads draw."""
        self.find, self.recipe, self.workers = find, recipe, workers
        self.scenes = [SceneGenerator(collection, size, recipe.synthesis) for size in recipe.scenes_px]
        self.crops_per_s = 0.0

    def draw(self, key: Key, count: int) -> Crops:
        """The crops of ``count`` scenes, the same for the same ``key``.

        Raises:
            ModelError: the detector proposes nothing.
        """
        start, proposed, parts = time.perf_counter(), 0, []
        with ThreadPoolExecutor(self.workers) as pool:
            for first in range(0, count, _AT_ONCE):
                keys = [(*key, number) for number in range(first, min(first + _AT_ONCE, count))]
                frames = list(pool.map(self._scene, keys))
                found = self.find([frame.pixels for frame in frames])
                for each, frame, boxes in zip(keys, frames, found, strict=True):
                    random = np.random.default_rng((*each, 5))
                    candidates = down_to(boxes, self.recipe.proposed)
                    parts.append(_cut(frame, candidates, self.recipe, random))
                    proposed += len(parts[-1])
                    parts.append(_cut(frame, _beside(frame.faces, self.recipe.added, random), self.recipe, random))
        if not proposed:
            raise ModelError(
                f"the detector proposes nothing in {count} scenes with a score of {self.recipe.proposed:g} or more; "
                "train it for longer"
            )
        crops = Crops.join(parts)
        self.crops_per_s = len(crops) / (time.perf_counter() - start)
        return crops

    def _scene(self, key: Key) -> Frame:
        return without_flat(self.scenes[key[-1] % len(self.scenes)].scene(key))


def down_to(boxes: Boxes, least: float) -> Boxes:
    """The ``boxes``, which come best first, with a score of at least ``least``."""
    count = int((boxes.scores >= least).sum())
    return Boxes(boxes.sides[:count], boxes.scores[:count])


def _cut(frame: Frame, boxes: Boxes, recipe: Recipe, random: np.random.Generator) -> Crops:
    """The crops of ``boxes`` that teach something."""
    faces = np.concatenate([frame.faces, frame.unclear, NOWHERE])
    clear = np.arange(len(faces)) < len(frame.faces)
    learnt = clear & (faces[:, 3] - faces[:, 1] >= LEAST_FACE_PX)
    cut = cut_out(frame.pixels, boxes, recipe.side, recipe.size_px, LEAST_PX)
    sides = cut.candidates.sides
    ratios = overlaps(sides, faces)
    best, ratio = ratios.argmax(axis=1), ratios.max(axis=1)
    kept = learnt[best] | (ratio <= TOUCHED_IOU)
    wrong = np.flatnonzero(kept & (ratio < NOTHING_IOU))
    kept[random.permutation(wrong)[recipe.most_wrong :]] = False
    corners, side = cut.squares[:, [0, 1, 0, 1]], cut.squares[:, 2:]
    return Crops(
        cut.pixels[kept],
        ratio[kept],
        np.asarray(((faces[best] - corners) / side)[kept], np.float32),
        cut.logits[kept],
        (sides[:, 3] - sides[:, 1])[kept],
    )


def _beside(faces: Floats, share: float, random: np.random.Generator) -> Boxes:
    """Boxes that are off by a little, with some score, of this share of ``faces``."""
    faces = faces[random.random(len(faces)) < share]
    count, size = len(faces), faces[:, 2:] - faces[:, :2]
    middle = (faces[:, :2] + faces[:, 2:]) / 2 + random.normal(0, _PLACE_ERROR, (count, 2)) * size[:, 1:]
    half = size * np.exp(random.normal(0, _SIZE_ERROR, (count, 2))) / 2
    sides = np.concatenate([middle - half, middle + half], axis=1)
    return Boxes(np.asarray(sides, np.float32), np.asarray(random.uniform(0.15, 0.7, count), np.float32))
