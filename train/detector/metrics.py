"""Boxes against faces: recall, average precision, false faces."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.vision.detector.decode import Boxes, Floats, overlaps

MATCH_IOU = 0.4
"""A box has found a face that it overlaps by so much (intersection over union)."""


@dataclass(frozen=True, slots=True)
class Matches:
    """All boxes and all faces of a set of pictures.

    ``scores`` float32 (n,) and ``hits`` bool (n,) of the boxes, without those on faces too small to count.
    ``heights_px`` and ``best_scores`` float32 (m,) of the faces: the score of the box that found each, -1 if none did.
    """

    pictures: int
    scores: Floats
    hits: npt.NDArray[np.bool_]
    heights_px: Floats
    best_scores: Floats

    def recall(self, threshold: float, least_px: float = 0, most_px: float = np.inf) -> float:
        """Share of the faces of a height that have a box of at least ``threshold``; nan without faces."""
        concerned = (self.heights_px >= least_px) & (self.heights_px < most_px)
        return float((self.best_scores[concerned] >= threshold).mean()) if concerned.any() else float("nan")

    def false(self, threshold: float) -> float:
        """Boxes without a face per picture."""
        return float((~self.hits & (self.scores >= threshold)).sum()) / max(1, self.pictures)

    def average_precision(self) -> float:
        """Area under precision over recall, precision made monotonous, as in PASCAL VOC 2010; nan without faces."""
        if not len(self.best_scores):
            return float("nan")
        hits = self.hits[np.argsort(-self.scores, kind="stable")]
        found = np.cumsum(hits)
        precision = np.maximum.accumulate((found / np.arange(1, len(hits) + 1))[::-1])[::-1]
        return float(precision[hits].sum() / len(self.best_scores))

    def threshold(self, false: float) -> float:
        """The lowest score at which at most ``false`` boxes a picture show no face."""
        wrong = np.sort(self.scores[~self.hits])[::-1]
        allowed = int(false * self.pictures)
        # Just above the first box too many.
        return float(np.nextafter(wrong[allowed], np.float32(1))) if allowed < len(wrong) else MIN_SCORE


MIN_SCORE = 0.05
"""Boxes below are not looked at."""


def match_boxes(pairs: Iterable[tuple[Boxes, Floats]], least_px: float) -> Matches:
    """Compare the boxes of each picture, best first, with its faces (n, 4).

    What is lower than ``least_px`` does not count: such a face need not be found, such a box is not false.
    """
    scores, hits, heights, best_scores = [], [], [], []
    pictures = 0
    for boxes, faces in pairs:
        pictures += 1
        tall = faces[:, 3] - faces[:, 1]
        sure = np.full(len(faces), -1, np.float32)
        ratios = overlaps(boxes.sides, faces)
        for box, ratio, score in zip(boxes.sides, ratios, boxes.scores, strict=True):
            free = np.where(sure >= 0, 0, ratio)
            best = int(free.argmax()) if len(free) else -1
            hit = best >= 0 and bool(free[best] >= MATCH_IOU)
            if hit:
                sure[best] = score
            if (tall[best] if hit else box[3] - box[1]) >= least_px:
                hits.append(hit)
                scores.append(score)
        heights.append(tall[tall >= least_px])
        best_scores.append(sure[tall >= least_px])
    return Matches(
        pictures,
        np.array(scores, np.float32),
        np.array(hits, bool),
        np.concatenate([np.empty(0, np.float32), *heights]),
        np.concatenate([np.empty(0, np.float32), *best_scores]),
    )
