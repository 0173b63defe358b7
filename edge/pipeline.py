"""The way of a frame: from the camera to a count that leaves the device."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Protocol

from edge.camera.capture import Capture
from edge.health import Meter
from edge.host.thermal import Throttle
from edge.records import Frame, Observation, Reading, RoomReading, Track, WindowSummary
from edge.vision.classifier import EmotionClassifier
from edge.vision.crop import crop_face
from edge.vision.detector import FaceDetector
from edge.vision.tracker import FaceTracker
from edge.vision.window import EmotionWindow

FRAME_TIMEOUT_S = 0.5
LIVE_EVERY_S = 0.5


class Outlet(Protocol):
    """Where results go: the MQTT publisher, nowhere in a benchmark, a list in a test."""

    def publish_window(self, summary: WindowSummary) -> None:
        """Every finished window, once."""

    def publish_live(self, room: RoomReading) -> None:
        """The room's newest state, a few times a second."""


class Onlooker(Protocol):
    """Sees each analysed frame beside what was found in it: the preview, never the daemon."""

    def see(self, frame: Frame, tracks: Sequence[Track], observation: Observation) -> None:
        """``tracks`` are all in view, also those that ``observation`` does not count yet."""


class Pipeline:
    """Camera -> faces -> tracks -> crops -> emotions -> window -> outlet."""

    def __init__(
        self,
        capture: Capture,
        detector: FaceDetector,
        tracker: FaceTracker,
        classifier: EmotionClassifier,
        window: EmotionWindow,
        outlet: Outlet,
        meter: Meter,
        throttle: Throttle,
        onlooker: Onlooker | None = None,
    ) -> None:
        self.capture, self.detector, self.tracker = capture, detector, tracker
        self.classifier, self.window, self.outlet = classifier, window, outlet
        self.meter, self.throttle, self.onlooker = meter, throttle, onlooker
        self._live_at_s = float("-inf")

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set or the clip ends; the unfinished window is published too, also before a pause.

        Raises:
            CameraError: the camera failed for good.
        """
        now_s: float | None = None
        while not stop.is_set() and not self.capture.ended:
            frame = self.capture.next(FRAME_TIMEOUT_S)
            if frame is None:
                if self.capture.paused and now_s is not None:
                    self._close_window(now_s)
                    self.tracker.forget()
                    now_s = None
                if not self.capture.live or now_s is None:
                    continue
                now_s = time.monotonic()
            else:
                now_s = frame.captured_at_s
            while (summary := self.window.advance(now_s)) is not None:
                self.outlet.publish_window(summary)
                self.meter.windows += 1
            if frame is not None and self.throttle.should_analyse(now_s):
                self.window.add(self.observe(frame))
                self.meter.frame_done()
            if now_s - self._live_at_s >= LIVE_EVERY_S:
                self._live_at_s = now_s
                self.outlet.publish_live(self.window.room())
        if now_s is not None:
            self._close_window(now_s)

    def _close_window(self, now_s: float) -> None:
        if (summary := self.window.close(now_s)) is not None:
            self.outlet.publish_window(summary)

    def observe(self, frame: Frame) -> Observation:
        """Analyse one frame: the readings of everybody who is confirmed and in view."""
        tracks = self._track(frame)
        confirmed = [track for track in tracks if track.confirmed]
        readings = self._classify(frame, confirmed) if confirmed else ()
        observation = Observation(frame.sequence, frame.captured_at_s, readings)
        if self.onlooker is not None:
            self.onlooker.see(frame, tracks, observation)
        return observation

    def _track(self, frame: Frame) -> tuple[Track, ...]:
        if not self.tracker.detection_due(frame):
            return self.tracker.carry()
        with self.meter.time("detect"):
            faces = self.detector.detect(frame.pixels)
        return self.tracker.update(frame, faces)

    def _classify(self, frame: Frame, tracks: list[Track]) -> tuple[Reading, ...]:
        size_px, rule = self.classifier.input_size_px, self.detector.crop_rule
        with self.meter.time("classify"):
            crops = [crop_face(frame.pixels, track.face, rule, size_px) for track in tracks]
            scores = self.classifier.classify(crops)
        return tuple(Reading(track, score) for track, score in zip(tracks, scores, strict=True))
