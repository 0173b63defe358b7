"""Faces of invented people, and a detector that finds them by a script."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge.records import Face, Frame, Pixels, Track
from edge.vision.tracker import FaceTracker

FRAME = np.zeros((480, 640), np.uint8)
UNSURE = 0.4


def face(left_px: int, top_px: int = 100, size_px: int = 60, confidence: float = 0.9) -> Face:
    """A square face."""
    return Face(left_px, top_px, left_px + size_px, top_px + size_px, confidence)


def unsure(left_px: int, top_px: int = 100, size_px: int = 60) -> Face:
    """One that the detector is not sure of."""
    return face(left_px, top_px, size_px, UNSURE)


class Script:
    """What the detections find, one entry each, and nothing after its end; a face of ``UNSURE`` is unsure."""

    def __init__(self, *script: Sequence[Face]) -> None:
        self.script, self.detections = script, 0

    def follow(self, tracker: FaceTracker, *times_s: float, pixels: Pixels = FRAME) -> list[tuple[Track, ...]]:
        """The tracks in view in a frame at each time."""
        return [self._step(tracker, Frame(index, time_s, pixels)) for index, time_s in enumerate(times_s)]

    def _step(self, tracker: FaceTracker, frame: Frame) -> tuple[Track, ...]:
        if not tracker.detection_due(frame):
            return tracker.carry()
        faces = self.script[self.detections] if self.detections < len(self.script) else ()
        self.detections += 1
        sure = [face for face in faces if face.confidence > UNSURE]
        return tracker.update(frame, sure, [face for face in faces if face.confidence == UNSURE])


def ids(tracks: tuple[Track, ...]) -> list[int]:
    """Their ids."""
    return [track.id for track in tracks]
