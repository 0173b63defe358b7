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
    """What a network of ``size_px`` (height, width) looks at, (n, height, width), and the scale of each frame."""
    pairs = [letterbox(frame, *size_px) for frame in frames]
    return np.stack([picture for picture, _ in pairs]), np.array([scale for _, scale in pairs], np.float32)


def predict(model: keras.Model, pictures: Pixels, scales: Floats) -> Iterable[Boxes]:
    """The faces of each picture (n, height, width), down to ``MIN_SCORE``, in pixels of its frame."""
    for first in range(0, len(pictures), _BATCH):
        # Called as it is: to trace it first takes longer than a development set.
        answers = model(pictures[first : first + _BATCH, ..., np.newaxis], training=False)
        maps = [keras.ops.convert_to_numpy(answer) for answer in answers]
        count = len(STRIDES)
        for row, scale in enumerate(scales[first : first + _BATCH]):
            boxes = decode([m[row] for m in maps[:count]], [m[row] for m in maps[count:]], STRIDES, MIN_SCORE)
            yield Boxes(boxes.sides / scale, boxes.scores)
