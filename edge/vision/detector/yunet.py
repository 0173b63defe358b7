"""YuNet, a small convolutional detector that OpenCV runs from an ONNX file which the user names.

Wu, Peng and Yu 2023, "YuNet: A Tiny Millisecond-level Face Detector", https://doi.org/10.1007/s11633-023-1423-y.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from edge.errors import ModelError
from edge.records import Face, Pixels
from edge.vision.crop import CropRule
from edge.vision.detector.box import clip_box, from_opencv
from edge.vision.movement import Cells

SEARCH_WIDTH_PX = 320
"""Width that frames are reduced to: on frames of 640 px a quarter of the time of the full width, and the same recall
for faces of 40 px."""


class YuNetDetector:
    """``cv2.FaceDetectorYN`` on a reduced frame."""

    name = "yunet"
    crop_rule = CropRule(side=1.013)
    unsure: tuple[Face, ...] = ()

    def __init__(self, model: Path, *, min_face_px: int = 40, threshold: float = 0.7) -> None:
        """Load the ONNX file and run it on an empty frame.

        Raises:
            ModelError: the file cannot be read, or is not YuNet.
        """
        self._min_face_px = min_face_px
        try:
            with model.open("rb"):
                pass
            self._net = cv2.FaceDetectorYN.create(str(model), "", (SEARCH_WIDTH_PX, SEARCH_WIDTH_PX), threshold)
            self.detect(np.zeros((SEARCH_WIDTH_PX, SEARCH_WIDTH_PX), np.uint8))
        except OSError as error:
            raise ModelError(
                f"yunet {model}: cannot be read ({error.strerror}); expected face_detection_yunet_2023mar.onnx"
            ) from error
        except cv2.error as error:
            raise ModelError(
                f"yunet {model}: OpenCV {cv2.__version__} cannot run it; expected face_detection_yunet_2023mar.onnx"
            ) from error

    def detect(self, pixels: Pixels, moved: Cells | None = None) -> tuple[Face, ...]:
        """Faces of one grey frame that are at least ``min_face_px`` high, best first."""
        height, width = pixels.shape
        if min(height, width) < self._min_face_px:  # on a frame of few pixels OpenCV 4.11 returns infinite boxes
            return ()
        scale = min(1.0, SEARCH_WIDTH_PX / width)
        size = (round(width * scale), max(1, round(height * scale)))
        small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) if scale < 1 else pixels
        self._net.setInputSize(size)
        _, found = self._net.detect(cv2.cvtColor(small, cv2.COLOR_GRAY2BGR))
        rows = cast("npt.NDArray[np.float32] | None", found)
        if rows is None:
            return ()
        # A row is left, top, width, height, the x and y of five landmarks, score.
        boxes_px, scores = from_opencv(rows[:, :4] / scale), rows[:, -1].tolist()
        faces = [clip_box(pixels, box, score) for box, score in zip(boxes_px, scores, strict=True)]
        turned = [face and replace(face, turn=_turn(row)) for face, row in zip(faces, rows, strict=True)]
        tall = (face for face in turned if face and face.height_px >= self._min_face_px)
        return tuple(sorted(tall, key=lambda face: face.confidence, reverse=True))


def _turn(row: npt.NDArray[np.float32]) -> float:
    """How far the head is turned to a side, see ``Face``: from the eyes and the nose, three points of a row."""
    right_eye, left_eye, nose = row[4:10].reshape(3, 2)
    between = left_eye - right_eye
    distance = float(np.hypot(*between))
    return abs(float((nose - (right_eye + left_eye) / 2) @ between)) / distance**2 if distance else 0.0
