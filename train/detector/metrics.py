"""Metrics of a detector's boxes: recall, average precision, false positives."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.vision.detector.decode import Boxes, Floats, overlaps

MATCH_IOU = 0.4
"""Intersection over union from which a box matches a face."""


@dataclass(frozen=True, slots=True)
class Matches:
    """All boxes and all faces of a set of images.

    ``scores`` float32 (n,) and ``hits`` bool (n,) of the boxes, without those on faces too small to count.
    ``heights_px`` and ``best_scores`` float32 (m,) of the faces: the score of the box that matches each, -1 for none;
    ``scales`` float32 (m,) that box's height in heights of the face, nan for none.
    """

    images: int
    scores: Floats
    hits: npt.NDArray[np.bool_]
    heights_px: Floats
    best_scores: Floats
    scales: Floats

    def scale(self, threshold: float, least_px: float = 0, most_px: float = np.inf) -> float:
        """Median height of the boxes that match faces of these heights, in heights of the face: 1 is right."""
        return _median(self._scales(threshold, least_px, most_px))

    def scale_error(self, threshold: float, least_px: float = 0, most_px: float = np.inf) -> float:
        """Median error of these heights, as a share of the face's."""
        return _median(np.abs(self._scales(threshold, least_px, most_px) - 1))

    def _scales(self, threshold: float, least_px: float, most_px: float) -> Floats:
        found = (self.best_scores >= threshold) & (self.heights_px >= least_px) & (self.heights_px < most_px)
        return self.scales[found]

    def recall(self, threshold: float, least_px: float = 0, most_px: float = np.inf) -> float:
        """Share of the faces of these heights that a box of at least ``threshold`` matches; nan without faces."""
        counted = (self.heights_px >= least_px) & (self.heights_px < most_px)
        return float((self.best_scores[counted] >= threshold).mean()) if counted.any() else float("nan")

    def false_positives(self, threshold: float) -> float:
        """Boxes per image that match no face."""
        return float((~self.hits & (self.scores >= threshold)).sum()) / max(1, self.images)

    def average_precision(self) -> float:
        """Area under the precision-recall curve, interpolated as in PASCAL VOC 2010; nan without faces.

        scikit-learn's ``average_precision_score`` does not interpolate and does not know of faces without a box.
        """
        if not len(self.best_scores):
            return float("nan")
        hits = self.hits[np.argsort(-self.scores, kind="stable")]
        found = np.cumsum(hits)
        precision = np.maximum.accumulate((found / np.arange(1, len(hits) + 1))[::-1])[::-1]
        return float(precision[hits].sum() / len(self.best_scores))

    def threshold(self, max_false_positives: float) -> float:
        """The lowest score at which there are at most ``max_false_positives`` per image."""
        wrong = np.sort(self.scores[~self.hits])[::-1]
        allowed = int(max_false_positives * self.images)
        # Just above the first box too many.
        return float(np.nextafter(wrong[allowed], np.float32(1))) if allowed < len(wrong) else MIN_SCORE


def _median(values: Floats) -> float:
    return float(np.median(values)) if len(values) else float("nan")


MIN_SCORE = 0.05
"""Boxes with a lower score are dropped before they are measured."""


def match_boxes(pairs: Iterable[tuple[Boxes, Floats]], least_px: float) -> Matches:
    """Match the boxes of each image, best first, with its faces (n, 4).

    What is lower than ``least_px`` does not count: such a face need not be found, such a box is no false positive.
    """
    scores, hits, heights, best_scores, scales = [], [], [], [], []
    images = 0
    for boxes, faces in pairs:
        images += 1
        tall = faces[:, 3] - faces[:, 1]
        sure = np.full(len(faces), -1, np.float32)
        scale = np.full(len(faces), np.nan, np.float32)
        ratios = overlaps(boxes.sides, faces)
        for box, ratio, score in zip(boxes.sides, ratios, boxes.scores, strict=True):
            free = np.where(sure >= 0, 0, ratio)
            best = int(free.argmax()) if len(free) else -1
            hit = best >= 0 and bool(free[best] >= MATCH_IOU)
            if hit:
                sure[best], scale[best] = score, (box[3] - box[1]) / tall[best]
            if (tall[best] if hit else box[3] - box[1]) >= least_px:
                hits.append(hit)
                scores.append(score)
        heights.append(tall[tall >= least_px])
        best_scores.append(sure[tall >= least_px])
        scales.append(scale[tall >= least_px])
    return Matches(
        images,
        np.array(scores, np.float32),
        np.array(hits, bool),
        np.concatenate([np.empty(0, np.float32), *heights]),
        np.concatenate([np.empty(0, np.float32), *best_scores]),
        np.concatenate([np.empty(0, np.float32), *scales]),
    )
