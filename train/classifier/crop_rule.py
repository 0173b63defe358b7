"""Measures how a detector frames the faces of FER2013: what ``edge.vision.crop`` must crop for the classifier.

FER2013's images are enlarged and surrounded by a margin, as in a camera's frame. The image itself is the square to
crop: the rule is its side in heights of the detector's box, and its centre relative to that of the box.

Score (PublicTest, 1200 images, medians): Haar alt2 finds 939, side 1.03; YuNet finds 1086, side 1.01; ours finds 963,
side 1.09; centres within a hundredth of the box's. On the faces that ours finds, the shipped classifier is right for
69.8 % of the images and 69.0 % of the crops; on those that Haar finds, for 69.9 and 67.5 %.
Command: fer-train crop-rule --data fer2013.csv --detector haar
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edge.errors import DataError
from edge.labels import INPUT_SIZE_PX
from edge.model.download import YUNET
from edge.records import Face, Pixels
from edge.vision.crop import CropRule, crop_face
from edge.vision.detector import FaceDetector
from edge.vision.detector.builtin import PACKAGED_DETECTOR, BuiltinDetector, load_detector
from edge.vision.detector.haar import HaarDetector
from edge.vision.detector.yunet import YuNetDetector
from train.classifier.recipes import Augmentation
from train.run.progress import Progress, silent

MAX_IMAGES = 1200

ENLARGED = 4
"""Makes a face of 192 pixels, a size that every detector finds easily."""

MARGIN = 0.5
"""In sides of the image, replicated all around. Without it Haar's box, which must lie in the frame, is too small."""

MIN_FOUND = 0.2
"""Share of the faces that a detector must find for a useful measurement."""


@dataclass(frozen=True, slots=True)
class CropMeasurement:
    """The rule, and how much the faces differ from it.

    ``side_low`` and ``side_high`` are the 5th and 95th percentile of a face's own side over the rule's, ``distance``
    the 90th percentile of the distance between its centre and the rule's, in sides. ``trained`` is the share of faces
    that lies within the classifier's augmentation.
    """

    rule: CropRule
    images: int
    found: int
    side_low: float
    side_high: float
    distance: float
    trained: float


def open_detector(kind: str, model: Path | None) -> FaceDetector:
    """Open a detector by its name in the daemon's configuration.

    Raises:
        ModelError: its model is missing or cannot be read.
    """
    if kind == "haar":
        return HaarDetector()
    if kind == "yunet":
        return YuNetDetector(model or YUNET.find())
    return BuiltinDetector(load_detector(model or PACKAGED_DETECTOR))


def measure_crop(
    detector: FaceDetector, faces: npt.NDArray[np.uint8], seed: int = 0, progress: Progress = silent
) -> CropMeasurement:
    """Measure ``detector`` on at most ``MAX_IMAGES`` of ``faces``, uint8 (n, side, side).

    Raises:
        DataError: it finds too few of them.
    """
    chosen = _choose(faces, seed)
    rows = []
    for done, face in enumerate(faces[chosen], 1):
        _, box = _find(detector, face)
        if box is not None:
            rows.append(_square(box, ENLARGED * len(face)))
        progress(done, len(chosen))
    if len(rows) < MIN_FOUND * len(chosen):
        raise DataError(
            f"detector {detector.name}: finds only {len(rows)} of {len(chosen)} enlarged faces; at least "
            f"{MIN_FOUND:.0%} are needed to measure how it frames them"
        )
    squares = np.array(rows)
    side, x, y = np.median(squares, axis=0).round(3).tolist()
    sides = squares[:, 0] / side
    moved = np.abs(squares[:, 1:] - (x, y)) / side
    low, high = np.percentile(sides, (5, 95))
    reach = Augmentation()
    trained = (np.abs(np.log(sides)) <= reach.scale) & (moved <= reach.shift).all(axis=1)
    return CropMeasurement(
        rule=CropRule(side, x, y),
        images=len(chosen),
        found=len(rows),
        side_low=float(low),
        side_high=float(high),
        distance=float(np.percentile(np.hypot(*moved.T), 90)),
        trained=float(trained.mean()),
    )


def crop_faces(
    detector: FaceDetector, rule: CropRule, faces: npt.NDArray[np.uint8], seed: int = 0, progress: Progress = silent
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.uint8]]:
    """Crop the same images as the daemon would; returns the indices of those found, (m,), and the crops (m, 48, 48)."""
    found, crops, chosen = [], [], _choose(faces, seed)
    for done, number in enumerate(chosen, 1):
        frame, box = _find(detector, faces[number])
        if box is not None:
            found.append(number)
            crops.append(crop_face(frame, box, rule, INPUT_SIZE_PX))
        progress(done, len(chosen))
    return np.array(found, np.intp), np.array(crops, np.uint8)


def describe(measured: CropMeasurement) -> str:
    """The measurement as text for a terminal."""
    rule = measured.rule
    return (
        f"  square side  {rule.side:.3f} x box height, centre {rule.offset_x:+.3f}, {rule.offset_y:+.3f}\n"
        f"  90 % of the sides within {measured.side_low:.2f} .. {measured.side_high:.2f} of that\n"
        f"  90 % of the centres within {measured.distance:.3f} of the side\n"
        f"  {measured.trained:.1%} of the faces lie within the classifier's augmentation"
    )


def _choose(faces: npt.NDArray[np.uint8], seed: int) -> npt.NDArray[np.intp]:
    """Indices of the images to measure."""
    return np.random.RandomState(seed).permutation(len(faces))[:MAX_IMAGES]


def _find(detector: FaceDetector, face: Pixels) -> tuple[Pixels, Face | None]:
    """A frame that shows ``face``, and the largest box detected in it."""
    side = ENLARGED * len(face)
    margin = round(MARGIN * side)
    enlarged = cv2.resize(face, (side, side), interpolation=cv2.INTER_LINEAR)
    frame = np.asarray(cv2.copyMakeBorder(enlarged, *(margin,) * 4, cv2.BORDER_REPLICATE), np.uint8)
    return frame, max(detector.detect(frame), key=lambda each: each.height_px, default=None)


def _square(box: Face, side: int) -> tuple[float, float, float]:
    """Side of the image, and its centre relative to that of the box, in heights of the box."""
    middle = round(MARGIN * side) + side / 2
    x, y = box.centre_px
    return side / box.height_px, (middle - x) / box.height_px, (middle - y) / box.height_px
