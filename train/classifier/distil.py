"""Distillation: teachers answer every training picture in several disturbed views, once; the student learns from those.

Teacher and student see the same view ("Knowledge distillation: a good teacher is patient and consistent", Beyer et al.,
CVPR 2022). The answers are kept, so that a long run pays for its teachers once and not every epoch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from train.classifier.augment import Augment
from train.classifier.metrics import softmax
from train.classifier.recipes import Recipe
from train.classifier.training_model import View
from train.run.progress import Progress
from train.run.saved import open_classifier

_BATCH = 256


def views(
    recipe: Recipe,
    teachers: Sequence[Path],
    pixels: npt.NDArray[np.uint8],
    targets: npt.NDArray[np.float32],
    seed: int,
    folder: Path,
    progress: Progress,
) -> tuple[View, ...]:
    """``recipe.views`` disturbed copies of all pictures, each with the given targets and the teachers' answers mixed.

    Every copy is followed by its mirror image, which has the same target: the mean of the answers to both. The pictures
    are mapped from their files, not held in memory.

    Args:
        recipe: says how pictures are disturbed and what share of the target is the teachers'.
        teachers: ``.keras`` files; the mean of their probabilities counts.
        pixels: grey pictures (n, 48, 48).
        targets: (n, 2, 7), see ``soft_targets``.
        seed: of the disturbances.
        folder: where views are kept, about 65 MB each for FER2013; those that are there already are used.
        progress: told of every batch.

    Raises:
        ModelError: a teacher cannot be loaded or is no classifier of ours.
    """
    models = [_teacher(path) for path in teachers]
    kept = folder / _fingerprint(recipe, teachers, pixels, seed)
    kept.mkdir(parents=True, exist_ok=True)
    missing = [number for number in range(recipe.views) if not _answers(kept, number).is_file()]
    for done, number in enumerate(missing):
        augment = Augment(recipe.augmentation, 1000 * seed + number)
        disturbed, answers = np.empty_like(pixels), np.empty(targets.shape, np.float32)
        for start in range(0, len(pixels), _BATCH):
            progress(done * len(pixels) + start, len(missing) * len(pixels))
            rows = slice(start, start + _BATCH)
            seen = ops.round(augment(pixels[rows, ..., np.newaxis], training=True))
            sides = (seen, ops.flip(seen, axis=2))
            given = [softmax(np.stack(model.predict_on_batch(side), axis=1)) for model in models for side in sides]
            answers[rows] = np.mean(given, axis=0)
            disturbed[rows] = ops.convert_to_numpy(seen)[..., 0]
        np.save(_pixels(kept, number), disturbed)
        unfinished = kept / "unfinished.npy"
        np.save(unfinished, answers)
        unfinished.replace(_answers(kept, number))  # last: it says that the view is whole
    share, lessons = recipe.teacher_share, []
    for number in range(recipe.views):
        disturbed = np.load(_pixels(kept, number), mmap_mode="r")
        taught = ((1 - share) * targets + share * np.load(_answers(kept, number))).astype(np.float32)
        lessons += [(disturbed, taught), (disturbed[:, :, ::-1], taught)]
    return tuple(lessons)


def _pixels(folder: Path, number: int) -> Path:
    return folder / f"pixels-{number}.npy"


def _answers(folder: Path, number: int) -> Path:
    return folder / f"answers-{number}.npy"


def _fingerprint(recipe: Recipe, teachers: Sequence[Path], pixels: npt.NDArray[np.uint8], seed: int) -> str:
    """Names what the views depend on; ``views`` and ``teacher_share`` may change without new ones."""
    parts = [
        str(seed),
        str(asdict(recipe.augmentation)),
        *(hashlib.sha256(path.read_bytes()).hexdigest() for path in teachers),
    ]
    return hashlib.sha256("\n".join(parts).encode() + pixels.tobytes()).hexdigest()[:16]


def _teacher(path: Path) -> Any:
    """Computes in the run's precision, whatever it was trained in; its last layer stays float32."""
    model = open_classifier(path)
    for layer in model.layers[:-1]:
        layer.dtype_policy = keras.mixed_precision.dtype_policy()
    return model
