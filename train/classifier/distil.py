"""Distillation: teachers predict every training image once, and the network learns from their predictions.

Either they predict several augmented views of it, which the network then sees too ("Knowledge distillation: a good
teacher is patient and consistent", Beyer et al., CVPR 2022), or the image itself in a few framings, and the network
sees it augmented anew in every epoch. The predictions are kept on disk, so that a run pays for its teachers once.
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

from edge.labels import EMOTIONS, HEADS
from edge.model.probabilities import softmax
from train.classifier.augment import Augment
from train.classifier.recipes import Recipe
from train.classifier.training_model import View
from train.run.folder import replacing
from train.run.progress import Progress
from train.run.saved import open_classifier

_BATCH = 256

_FRAMINGS = ((1.0, 0, 0), (1.0, -2, -1), (1.0, 2, 1), (1.0, -1, 2), (0.93, 0, 0), (1.07, 0, 0))
"""Magnification, and how far the face is moved right and down, in pixels."""


def make_views(
    recipe: Recipe,
    teachers: Sequence[Path],
    pixels: npt.NDArray[np.uint8],
    targets: npt.NDArray[np.float32],
    seed: int,
    folder: Path,
    progress: Progress,
) -> tuple[View, ...]:
    """``recipe.views`` augmented copies of all images, with the teachers' predictions mixed into the targets.

    Each copy is followed by its mirror image, which has the same target: the mean of the predictions for both. Images
    are memory-mapped from their files.

    Args:
        recipe: says how images are augmented and what share of the target is the teachers'.
        teachers: ``.keras`` files; the mean of their probabilities counts.
        pixels: grey images (n, 48, 48).
        targets: (n, 2, 7), see ``soft_targets``.
        seed: of the augmentation.
        folder: where views are kept, about 65 MB each for FER2013; existing ones are used.
        progress: told of every batch.

    Raises:
        ModelError: a teacher cannot be loaded or is not one of our classifiers.
    """
    models = [_open_teacher(path) for path in teachers]
    kept = folder / _fingerprint(recipe, teachers, pixels, seed)
    kept.mkdir(parents=True, exist_ok=True)
    missing = [number for number in range(recipe.views) if not _predictions(kept, number).is_file()]
    for done, number in enumerate(missing):
        augment = Augment(recipe.augmentation, 1000 * seed + number)
        augmented, predictions = np.empty_like(pixels), np.empty(targets.shape, np.float32)
        for start in range(0, len(pixels), _BATCH):
            progress(done * len(pixels) + start, len(missing) * len(pixels))
            rows = slice(start, start + _BATCH)
            view = ops.round(augment(pixels[rows, ..., np.newaxis], training=True))
            predictions[rows] = np.mean([_predict(model, view) for model in models], axis=0)
            augmented[rows] = ops.convert_to_numpy(view)[..., 0]
        np.save(_pixels(kept, number), augmented)
        with replacing(_predictions(kept, number)) as unfinished:  # last: it says that the view is complete
            np.save(unfinished, predictions)
    share, views = recipe.teacher_share, []
    for number in range(recipe.views):
        augmented = np.load(_pixels(kept, number), mmap_mode="r")
        mixed = ((1 - share) * targets + share * np.load(_predictions(kept, number))).astype(np.float32)
        views += [(augmented, mixed), (augmented[:, :, ::-1], mixed)]
    return tuple(views)


def _predict(model: Any, view: Any) -> npt.NDArray[np.float64]:
    """Probabilities (n, 2, 7) for the images of ``view``: the mean over each image and its mirror image."""
    sides = (view, ops.flip(view, axis=2))
    return np.asarray(np.mean([softmax(np.stack(model.predict_on_batch(side), axis=1)) for side in sides], axis=0))


def framed_predictions(
    teachers: Sequence[Path], pixels: npt.NDArray[np.uint8], folder: Path, progress: Progress
) -> npt.NDArray[np.float32]:
    """The teachers' mean prediction for every image in a few framings: probabilities (n, 2, 7).

    Args:
        teachers: ``.keras`` files; the mean of their probabilities counts.
        pixels: grey images (n, 48, 48).
        folder: where the predictions are kept, 2 MB for FER2013; those that are there already are used.
        progress: told of every batch.

    Raises:
        ModelError: a teacher cannot be loaded or is no classifier of ours.
    """
    models = [_open_teacher(path) for path in teachers]
    parts = [str(_FRAMINGS), *(hashlib.sha256(path.read_bytes()).hexdigest() for path in teachers)]
    kept = folder / f"framed-{hashlib.sha256(''.join(parts).encode() + pixels.tobytes()).hexdigest()[:16]}.npy"
    if kept.is_file():
        return np.asarray(np.load(kept), np.float32)
    predictions = np.empty((len(pixels), len(HEADS), len(EMOTIONS)), np.float32)
    for start in range(0, len(pixels), _BATCH):
        progress(start, len(pixels))
        rows = slice(start, start + _BATCH)
        framed = [_frame(pixels[rows, ..., np.newaxis], *framing) for framing in _FRAMINGS]
        predictions[rows] = np.mean([_predict(model, view) for model in models for view in framed], axis=0)
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(kept) as unfinished:
        np.save(unfinished, predictions)
    return predictions


def _frame(pixels: npt.NDArray[np.uint8], scale: float, right_px: int, down_px: int) -> Any:
    """The images (n, side, side, 1) magnified by ``scale`` about their centre and moved, the border replicated."""
    centre = (pixels.shape[1] - 1) / 2
    left, top = (centre - (centre + moved) / scale for moved in (right_px, down_px))
    transform = ops.convert_to_tensor(np.array([[1 / scale, 0, left, 0, 1 / scale, top, 0, 0]], np.float32))
    return ops.image.affine_transform(
        ops.cast(pixels, "float32"),
        ops.repeat(transform, len(pixels), axis=0),
        interpolation="bilinear",
        fill_mode="nearest",
    )


def _pixels(folder: Path, number: int) -> Path:
    return folder / f"pixels-{number}.npy"


def _predictions(folder: Path, number: int) -> Path:
    return folder / f"answers-{number}.npy"


def _fingerprint(recipe: Recipe, teachers: Sequence[Path], pixels: npt.NDArray[np.uint8], seed: int) -> str:
    """A name for everything that the views depend on; their number and ``teacher_share`` may change."""
    parts = [
        str(seed),
        str(asdict(recipe.augmentation)),
        *(hashlib.sha256(path.read_bytes()).hexdigest() for path in teachers),
    ]
    return hashlib.sha256("\n".join(parts).encode() + pixels.tobytes()).hexdigest()[:16]


def _open_teacher(path: Path) -> Any:
    """A teacher that computes in the precision of the run; its last layer stays float32."""
    model = open_classifier(path)
    for layer in model.layers[:-1]:
        layer.dtype_policy = keras.mixed_precision.dtype_policy()
    return model
