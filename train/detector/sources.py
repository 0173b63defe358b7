"""Where a detector's pictures come from: one folder of photographs, label files of WIDER FACE, and FER2013."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.labels import INPUT_SIZE_PX
from train.classifier.targets import training_mask
from train.data.fer2013 import FaceSet
from train.data.photographs import Photograph, read_empty, read_labelled, read_wider
from train.detector.synthesis.sprites import Collection
from train.run.progress import Progress, silent


@dataclass(frozen=True, slots=True)
class Sources:
    """What to learn from, what is held back for development, and frames of films, which are for development too."""

    training: Collection
    held_back: Collection
    clips: list[Photograph]


def read_sources(
    folder: Path,
    wider: Sequence[tuple[Path, Path]] = (),
    faces: Mapping[str, FaceSet] | None = None,
    progress: Progress = silent,
) -> Sources:
    """Read everything into memory.

    Args:
        folder: ``portraits/`` with ``portraits.csv``, ``noface/``, and ``dev/`` with ``dev.csv`` if there are films.
        wider: label files of WIDER FACE, each with the folder of its pictures.
        faces: FER2013; its Training is worn by heads to learn from, its PublicTest by those held back.
        progress: told of pictures.

    Raises:
        DataError: a picture or label cannot be read, or there are too few.
    """
    photographs = read_labelled(folder / "portraits", folder / "portraits.csv", progress)
    for labels, pictures in wider:
        photographs += read_wider(labels, pictures, progress)
    worn = held = np.empty((0, INPUT_SIZE_PX, INPUT_SIZE_PX), np.uint8)
    if faces:
        others = [each for split, each in faces.items() if split != "Training"]
        worn = faces["Training"].pixels[training_mask(faces["Training"], others)]
        held = faces["PublicTest"].pixels
    empty = read_empty(folder / "noface", progress)
    training, held_back = Collection(photographs, empty, worn).split(held)
    clips = read_labelled(folder / "dev", folder / "dev.csv", progress) if (folder / "dev").is_dir() else []
    return Sources(training, held_back, clips)
