"""A single-shot detector's output maps -> boxes with scores, each face once.

Training measures with the functions that find faces on the device. Every map holds one cell per ``stride`` pixels of
the model's input; a cell predicts for its centre, ``((column + 0.5) * stride, (row + 0.5) * stride)``, with the
logit of "a face lies here" and the natural logs of the distances from the centre to the face's left, top, right and
bottom, in strides (as in FCOS, Tian et al. 2019, https://arxiv.org/abs/1904.01355).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

SAME_FACE_IOU = 0.4
"""Two boxes with a larger intersection over union show the same face. Faces in a crowd overlap less."""

_OUTWARD = np.array([-1, -1, 1, 1], np.float32)

CANDIDATES = 400
"""How many boxes, the best, are compared with each other; a crowd of 60 people fills half of them."""


@dataclass(frozen=True, slots=True)
class Boxes:
    """Faces in pixels of the model's input, best first.

    ``sides`` float32 (n, 4): left, top, right, bottom; may leave the input. ``scores`` float32 (n,), 0..1.
    """

    sides: Floats
    scores: Floats

    def __len__(self) -> int:
        return len(self.scores)


NO_BOXES = Boxes(np.empty((0, 4), np.float32), np.empty(0, np.float32))


def decode(
    logits: Sequence[Floats],
    logs: Sequence[Floats],
    strides: Sequence[int],
    threshold: float,
    most: float = SAME_FACE_IOU,
) -> Boxes:
    """The faces of one image.

    Args:
        logits: (rows, columns) or (rows, columns, 1) of each map.
        logs: (rows, columns, 4) of each map.
        strides: pixels between the cells of each map.
        threshold: above 0 and below 1; cells with a lower score are left out.
        most: see ``suppress``.
    """
    least = math.log(threshold / (1 - threshold))
    found_logits, found_sides = [], []
    for score_map, log_map, stride in zip(logits, logs, strides, strict=True):
        rows, columns = np.nonzero(score_map.reshape(score_map.shape[:2]) >= least)
        if len(rows):
            found_logits.append(score_map[rows, columns].reshape(-1))
            distances = np.exp(np.minimum(log_map[rows, columns], 6))  # 400 strides: beyond any input
            centres = np.stack([columns, rows, columns, rows], axis=1) + np.float32(0.5)
            found_sides.append((centres + distances * _OUTWARD) * np.float32(stride))
    if not found_logits:
        return NO_BOXES
    every_logit, every_side = np.concatenate(found_logits), np.concatenate(found_sides)
    best = np.argsort(-every_logit, kind="stable")[:CANDIDATES]
    scores = np.asarray(1 / (1 + np.exp(-every_logit[best])), np.float32)
    return suppress(Boxes(np.asarray(every_side[best], np.float32), scores), most)


def suppress(boxes: Boxes, most: float = SAME_FACE_IOU, most_share: float = 1.0) -> Boxes:
    """Leave out every box that overlaps a better one too much (greedy non-maximum suppression).

    Args:
        boxes: best first.
        most: highest intersection over union that the boxes of two faces may have.
        most_share: highest share of the smaller one that they may have in common, if it is less than half as high.
    """
    if len(boxes) < 2:
        return boxes
    same = overlaps(boxes.sides, boxes.sides) > most
    if most_share < 1:
        heights = boxes.sides[:, 3] - boxes.sides[:, 1]
        uneven = np.minimum(heights[:, None], heights) < np.maximum(heights[:, None], heights) / 2
        same |= uneven & (shares(boxes.sides) > most_share)
    kept: list[int] = []
    left = np.ones(len(boxes), bool)
    for index in range(len(boxes)):
        if left[index]:
            kept.append(index)
            left &= ~same[index]
    return Boxes(boxes.sides[kept], boxes.scores[kept])


def overlaps(ours: Floats, theirs: Floats) -> Floats:
    """Intersection over union of each of ``ours`` (n, 4) with each of ``theirs`` (m, 4), as (n, m)."""
    low = np.maximum(ours[:, None, :2], theirs[None, :, :2])
    high = np.minimum(ours[:, None, 2:], theirs[None, :, 2:])
    common = np.prod(np.maximum(high - low, 0), axis=2)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (ours, theirs)]
    return np.asarray(common / (areas[0][:, None] + areas[1][None] - common), np.float32)


def shares(sides: Floats) -> Floats:
    """What each two boxes (n, 4) have in common, as a share of the smaller one, (n, n)."""
    low = np.maximum(sides[:, None, :2], sides[None, :, :2])
    high = np.minimum(sides[:, None, 2:], sides[None, :, 2:])
    areas = np.prod(sides[:, 2:] - sides[:, :2], axis=1)
    common = np.prod(np.maximum(high - low, 0), axis=2)
    return np.asarray(common / np.minimum(areas[:, None], areas[None]), np.float32)
