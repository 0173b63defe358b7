"""Viola and Jones' cascade, part of OpenCV: nothing to download, but slow, and frontal faces only.

The frame is not equalised. On 250 portraits (faces of 40 to 120 px) and 200 photographs without faces, equalisation
cost 1 to 16 points of recall at every size and search tried, and nearly always added false faces. The figures below
were measured on the same images.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from cv2.data import haarcascades

from edge.errors import ModelError
from edge.records import Face, Pixels
from edge.vision.crop import CropRule
from edge.vision.detector.box import clip_box, from_opencv
from edge.vision.movement import Cells

CASCADE = "haarcascade_frontalface_alt2.xml"
CASCADE_SIDE_PX = 20
"""Side of the smallest face that the cascade can find."""

SCALE_STEP = 1.1
"""Ratio of two searched sizes; 1.2 would save nearly half the time and lose 16 points of recall at 40 px."""

MIN_NEIGHBOURS = 3
"""Overlapping hits needed for a face."""

FIRST_SIZE = 0.8
"""First size searched, in ``min_face_px``: a face must be hit at several sizes around its own. Searching from
``min_face_px`` itself finds 0.43 of the faces of 40 px instead of 0.77; a finer frame than this finds up to 0.83, for
half as much time again and more false faces."""


class HaarDetector:
    """OpenCV's frontal face cascade ``alt2`` on a frame that is reduced as far as ``min_face_px`` allows."""

    name = "haar-alt2"
    crop_rule = CropRule(side=1.03)
    unsure: tuple[Face, ...] = ()

    def __init__(self, min_face_px: int = 40) -> None:
        """Load the cascade.

        Raises:
            ModelError: this build of OpenCV has no cascade, as in OpenCV 5 without its extra modules.
        """
        path = Path(haarcascades) / CASCADE
        self._cascade = cv2.CascadeClassifier(str(path))
        if self._cascade.empty():
            raise ModelError(f"haar: OpenCV {cv2.__version__} has no cascade {path}; install OpenCV 4, or use yunet")
        self._scale = min(1.0, CASCADE_SIDE_PX / (FIRST_SIZE * min_face_px))
        self._first_px = round(FIRST_SIZE * min_face_px * self._scale)

    def detect(self, pixels: Pixels, moved: Cells | None = None) -> tuple[Face, ...]:
        """Faces of one grey frame, best first; the confidence ranks them by overlapping hits and is no probability."""
        height, width = pixels.shape
        size = (max(1, round(width * self._scale)), max(1, round(height * self._scale)))
        small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) if self._scale < 1 else pixels
        boxes, hits = self._cascade.detectMultiScale2(
            small, SCALE_STEP, MIN_NEIGHBOURS, minSize=(self._first_px, self._first_px)
        )
        boxes_px = from_opencv(np.reshape(boxes, (-1, 4)) / self._scale)
        confidences = (hit / (hit + MIN_NEIGHBOURS) for hit in map(int, hits))
        faces = [clip_box(pixels, box, score) for box, score in zip(boxes_px, confidences, strict=True)]
        return tuple(sorted((face for face in faces if face), key=lambda face: face.confidence, reverse=True))
