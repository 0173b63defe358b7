"""Reads what a detector is trained on: a folder of photographs, label files of WIDER FACE, and FER2013."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.labels import INPUT_SIZE_PX
from train.data.fer2013 import FaceSet
from train.data.photographs import Photograph, read_empty, read_labelled, read_wider
from train.data.selection import require_split, training_faces
from train.detector.synthesis.sprites import Collection
from train.run.progress import Progress, silent


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
    progress: Progress = silent,
) -> Sources:
    """Read all images into memory.

    Args:
        folder: ``portraits/`` with ``portraits.csv``, ``noface/``, and, for clips, ``dev/`` with ``dev.csv``.
        wider: label files of WIDER FACE, each with the folder of its images.
        faces: FER2013; heads for training wear the faces of Training, those held back the faces of PublicTest.
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
    empty = read_empty(folder / "noface", progress)
    training, held_back = Collection(photographs, empty, worn).split(held_back_faces)
    clips = read_labelled(folder / "dev", folder / "dev.csv", progress) if (folder / "dev").is_dir() else []
    return Sources(training, held_back, clips)
