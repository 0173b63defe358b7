"""Reads what a detector is trained on: a folder of photographs, label files of WIDER FACE, and FER2013."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from edge.errors import DataError
from edge.labels import INPUT_SIZE_PX
from train.data.fer2013 import FaceSet
from train.data.photographs import Photograph, read_empty, read_labelled, read_wider
from train.data.selection import require_split, training_faces
from train.detector.synthesis.drawing import stretch
from train.detector.synthesis.occlusions import Thing
from train.detector.synthesis.sprites import Collection
from train.run.progress import Progress, silent

THING_PX = 200
"""Longer side of an object in memory."""

SHOW_FACES = frozenset({"neg-1637.jpg", "neg-1639.jpg"})
"""Photographs that show faces all the same, of people in the dark behind candles, and are left out of ``noface``: it
usually comes from JoakimSoderberg/haarcascade-negatives, which has them. Neither would be held back."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What to train on, what is held back for development, and frames of video clips, also for development."""

    training: Collection
    held_back: Collection
    clips: list[Photograph]


def read_sources(
    folder: Path,
    wider: Sequence[tuple[Path, Path]] = (),
    faces: Mapping[str, FaceSet] | None = None,
    more: Sequence[Path] = (),
    things: Path | None = None,
    progress: Progress = silent,
) -> Sources:
    """Read all images into memory.

    Args:
        folder: ``portraits/`` with ``portraits.csv``, ``noface/`` (without ``SHOW_FACES``), ``masks/`` with
            ``masks.csv`` if there are heads with masks, and, for clips, ``dev/`` with ``dev.csv``.
        wider: label files of WIDER FACE, each with the folder of its images.
        faces: FER2013; heads for training wear the faces of Training, those held back the faces of PublicTest.
        more: other folders of images without faces.
        things: a folder of objects without faces, see ``read_things``.
        progress: told of images.

    Raises:
        ConfigError: FER2013 lacks a split.
        DataError: an image or label cannot be read, or there are too few.
    """
    photographs = read_labelled(folder / "portraits", folder / "portraits.csv", progress)
    for labels, images in wider:
        photographs += read_wider(labels, images, progress)
    worn = held_back_faces = np.empty((0, INPUT_SIZE_PX, INPUT_SIZE_PX), np.uint8)
    if faces:
        worn, held_back_faces = training_faces(faces).pixels, require_split(faces, "PublicTest").pixels
    empty = [each for each in read_empty(folder / "noface", progress) if each.name not in SHOW_FACES]
    empty += [each for where in more for each in read_empty(where, progress)]
    tight = read_labelled(folder / "masks", folder / "masks.csv", progress) if (folder / "masks").is_dir() else []
    objects = read_things(things) if things else []
    training, held_back = Collection(photographs, empty, worn, tight, objects).split(held_back_faces)
    clips = read_labelled(folder / "dev", folder / "dev.csv", progress) if (folder / "dev").is_dir() else []
    return Sources(training, held_back, clips)


def read_things(folder: Path) -> list[Thing]:
    """Every PNG with transparency in ``folder`` and below: objects, animals and letters that show no face.

    Raises:
        DataError: there is none.
    """
    things = []
    for path in sorted(folder.rglob("*.png")):
        pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if pixels is not None and pixels.ndim == 3 and pixels.shape[2] == 4:
            grey = cv2.cvtColor(pixels[..., :3], cv2.COLOR_BGR2GRAY)
            scale = min(1.0, THING_PX / max(grey.shape))
            size = grey.shape[1] * scale, grey.shape[0] * scale
            alpha = np.asarray(pixels[..., 3], np.uint8)
            things.append(Thing(path.name, stretch(np.asarray(grey, np.uint8), *size), stretch(alpha, *size)))
    if not things:
        raise DataError(f"folder {folder}: holds no object, expected .png files with transparency")
    return things
