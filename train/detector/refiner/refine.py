"""Runs a Keras refiner over the candidates of a detector, as the daemon runs a released one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import keras
import numpy as np

from edge.records import Pixels
from edge.vision.detector.decode import SAME_FACE_IOU, Boxes, suppress
from edge.vision.detector.refiner import PART, CutOut, cut_out, normalised
from train.detector.candidates import Candidate, Find
from train.detector.metrics import MIN_SCORE
from train.detector.refiner.crops import down_to
from train.detector.refiner.recipe import CANDIDATE_THRESHOLD

_BATCH = 1024
"""Crops at once."""


def refined(detector: Candidate, network: keras.Model, side: float) -> Candidate:
    """``detector`` with a refiner behind it, whose crops have ``side`` heights of the detector's boxes."""

    def find(frames: Sequence[Pixels]) -> Iterator[Boxes]:
        return refine(network, cut_candidates(detector.find, frames, side, network.input_shape[1]))

    return replace(detector, find=find)


def cut_candidates(find: Find, frames: Sequence[Pixels], side: float, size_px: int) -> list[CutOut]:
    """What ``find`` proposes in each of ``frames``, down to ``CANDIDATE_THRESHOLD``."""
    return [
        cut_out(pixels, down_to(boxes, CANDIDATE_THRESHOLD), side, size_px)
        for pixels, boxes in zip(frames, find(frames), strict=True)
    ]


def refine(network: keras.Model, frames: Sequence[CutOut]) -> Iterator[Boxes]:
    """The faces of each frame, down to ``MIN_SCORE``."""
    ends = np.cumsum([len(frame) for frame in frames])[:-1]
    crops = np.concatenate([frame.pixels for frame in frames])
    parts = [
        [keras.ops.convert_to_numpy(each) for each in network(normalised(batch)[..., np.newaxis], training=False)]
        for batch in np.split(crops, range(_BATCH, len(crops), _BATCH))
    ]
    logits, sides = (np.split(np.concatenate(each), ends) for each in zip(*parts, strict=True))
    for frame, logit, box in zip(frames, logits, sides, strict=True):
        yield suppress(frame.refined(logit[:, 0], box, MIN_SCORE), SAME_FACE_IOU, PART)
