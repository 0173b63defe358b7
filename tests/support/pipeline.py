"""The pipeline over images that a test draws."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from edge.camera.capture import Capture
from edge.errors import CameraError
from edge.health import Meter
from edge.host.thermal import Throttle
from edge.pipeline import Onlooker, Pipeline
from edge.records import Face, Image, RoomReading, Track, WindowSummary
from edge.vision.classifier import EmotionClassifier, load_release
from edge.vision.liveness import Liveness
from edge.vision.tracker import FaceTracker
from edge.vision.window import EmotionWindow
from tests.support.camera import ScriptedCamera
from tests.support.detector import SteadyDetector
from tests.support.paths import TINY

FACE = Face(20, 10, 80, 70, 0.9)


class SharpCamera(ScriptedCamera):
    """Its pictures have enough contrast to be read as faces; their first pixel is the grey level of the script."""

    def _image(self, level: int) -> Image:
        image = super()._image(level)
        for across in range(8):
            image.pixels[:, 8 + across :: 16] += 40
            image.pixels[8 + across :: 16] += 40
        return image


def camera(frames: int, end: CameraError | None = None, *, interval_s: float = 0.1) -> SharpCamera:
    """Shows an image every ``interval_s`` of its own clock, then ends or fails."""
    return SharpCamera([*range(0, 7 * frames, 7), end], live=False, size_px=(160, 120), interval_s=interval_s)


class EverybodyMoves(Liveness):
    """For faces that a test draws and leaves where they are."""

    def is_alive(self, track: Track, now_s: float) -> bool:
        return True

    def is_still(self, track: Track, now_s: float) -> bool:
        return False


@dataclass
class Results:
    """Keeps what leaves, and stops the pipeline after the first ``enough`` windows."""

    windows: list[WindowSummary] = field(default_factory=list)
    rooms: list[RoomReading] = field(default_factory=list)
    enough: int | None = field(default=None, compare=False)
    stop: threading.Event = field(default_factory=threading.Event, compare=False)

    def publish_window(self, summary: WindowSummary) -> None:
        self.windows.append(summary)
        if len(self.windows) == self.enough:
            self.stop.set()

    def publish_live(self, room: RoomReading) -> None:
        self.rooms.append(room)


def run(
    camera: ScriptedCamera,
    faces: tuple[Face, ...],
    *,
    min_people: int = 1,
    window_s: float = 1.0,
    enough: int | None = None,
    throttle: Throttle | None = None,
    meter: Meter | None = None,
    detect_every: int = 1,
    detector: SteadyDetector | None = None,
    onlooker: Onlooker | None = None,
    liveness: Liveness | None = None,
) -> Results:
    results, capture = Results(enough=enough), Capture(lambda: camera, max_reopens=0)
    detector = detector or SteadyDetector(faces)
    if enough == 0:
        results.stop.set()
    window = EmotionWindow(duration_s=window_s, min_people=min_people, counts_only=None, uncertain_below=0.5)
    classifier = EmotionClassifier(load_release(TINY / "grey"))
    capture.start()
    try:
        tracker = FaceTracker(detect_every=detect_every)
        parts = classifier, window, results, meter or Meter(), throttle or Throttle(), liveness or EverybodyMoves()
        Pipeline(capture, detector, tracker, *parts, onlooker).run(results.stop)
    finally:
        camera.released.set()
        capture.stop()
    return results
