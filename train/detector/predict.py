"""Runs a Keras detector over frames as the daemon runs a released one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import keras
import numpy as np

from edge.records import Pixels
from edge.vision.detector.decode import Boxes, Floats, decode
from edge.vision.detector.letterbox import letterbox
from train.detector.metrics import MIN_SCORE
from train.detector.recipe import STRIDES

_BATCH = 64


def letterboxed(frames: Sequence[Pixels], size_px: tuple[int, int]) -> tuple[Pixels, Floats]:
    """Fit frames into the input ``size_px`` (height, width): images (n, height, width) and the scale of each frame."""
    pairs = [letterbox(frame, *size_px) for frame in frames]
    return np.stack([image for image, _ in pairs]), np.array([scale for _, scale in pairs], np.float32)


def predict(model: keras.Model, images: Pixels, scales: Floats) -> Iterable[Boxes]:
    """The faces in each image (n, height, width), down to ``MIN_SCORE``, in pixels of its frame."""
    for first in range(0, len(images), _BATCH):
        # Called directly: tracing it first takes longer than the whole development set.
        outputs = model(images[first : first + _BATCH, ..., np.newaxis], training=False)
        maps = [keras.ops.convert_to_numpy(output) for output in outputs]
        count = len(maps) // 2
        for row, scale in enumerate(scales[first : first + _BATCH]):
            boxes = decode([m[row] for m in maps[:count]], [m[row] for m in maps[count:]], STRIDES[:count], MIN_SCORE)
            yield Boxes(boxes.sides / scale, boxes.scores)
