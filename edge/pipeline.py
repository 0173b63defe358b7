"""The way of a frame: from the camera to a count that leaves the device."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from edge.camera.capture import Capture
from edge.health import Meter
from edge.host.thermal import Throttle
from edge.records import (
    EmotionScores,
    Frame,
    Observation,
    Reading,
    RoomReading,
    Track,
    Unreadable,
    UnreadFace,
    WindowSummary,
)
from edge.vision.classifier import EmotionClassifier
from edge.vision.crop import crop_face
from edge.vision.detector import FaceDetector
from edge.vision.liveness import Liveness
from edge.vision.movement import Cells, Movement, touches
from edge.vision.readable import why_unreadable
from edge.vision.tracker import FaceTracker
from edge.vision.window import EmotionWindow

FRAME_TIMEOUT_S = 0.5
LIVE_EVERY_S = 0.5
READ_S = 0.45
"""A face is read again after as long, if it has changed: as often as the room's newest state is published."""


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
        liveness: Liveness,
        onlooker: Onlooker | None = None,
        min_face_px: int = 40,
    ) -> None:
        self.capture, self.detector, self.tracker = capture, detector, tracker
        self.liveness = liveness
        self.classifier, self.window, self.outlet = classifier, window, outlet
        self.meter, self.throttle, self.onlooker = meter, throttle, onlooker
        self._live_at_s = float("-inf")
        self.movement = Movement(min_face_px)
        self._observed = Observation(0, 0.0, ())
        self._held: dict[int, tuple[float, EmotionScores | Unreadable]] = {}

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
                    self.liveness.forget()
                    self.movement.forget()
                    now_s = None
                if not self.capture.live or now_s is None:
                    continue
                now_s = time.monotonic()
            else:
                now_s = frame.captured_at_s
            while (summary := self.window.advance(now_s)) is not None:
                self._publish_window(summary)
                self.meter.windows += 1
            if frame is not None and self.throttle.should_analyse(now_s):
                observation = self.observe(frame)
                with self.meter.time("window"):
                    self.window.add(observation)
                self.meter.frame_done()
            if now_s - self._live_at_s >= LIVE_EVERY_S:
                self._live_at_s = now_s
                with self.meter.time("publish"):
                    self.outlet.publish_live(self.window.room())
        if now_s is not None:
            self._close_window(now_s)

    def _close_window(self, now_s: float) -> None:
        if (summary := self.window.close(now_s)) is not None:
            self._publish_window(summary)

    def _publish_window(self, summary: WindowSummary) -> None:
        with self.meter.time("publish"):
            self.outlet.publish_window(summary)

    def observe(self, frame: Frame) -> Observation:
        """What one frame shows: a detection and its readings, or those of the detection before."""
        moved = self._moved(frame)
        if moved is None:
            tracks = self.tracker.carry()
        else:
            tracks = self._track(frame, moved)
            self._observed = self._read(frame, tracks, moved)
        observation = replace(self._observed, sequence=frame.sequence, captured_at_s=frame.captured_at_s)
        if self.onlooker is not None:
            self.onlooker.see(frame, tracks, observation)
        return observation

    def _moved(self, frame: Frame) -> Cells | None:
        """Where to look for faces; None if it is not due."""
        if not self.tracker.detection_due(frame):
            return None
        with self.meter.time("track"):
            return self.movement.find(frame, [track.face for track in self.tracker.in_view])

    def _track(self, frame: Frame, moved: Cells) -> tuple[Track, ...]:
        with self.meter.time("detect"):
            faces = self.detector.detect(frame.pixels, moved)
        with self.meter.time("track"):
            tracks = self.tracker.update(frame, faces, self.detector.unsure)
            self.liveness.look(frame.pixels, [track for track in tracks if track.confirmed], frame.captured_at_s)
        return tracks

    def _read(self, frame: Frame, tracks: Sequence[Track], moved: Cells) -> Observation:
        """The readings of everybody who is confirmed, has moved and is in view."""
        now_s = frame.captured_at_s
        confirmed = [track for track in tracks if track.confirmed]
        people = [track for track in confirmed if self.liveness.is_alive(track, now_s)]
        held = {track.id: self._held[track.id] for track in people if track.id in self._held}
        due = [
            track
            for track in people
            if track.id not in held
            or (now_s - held[track.id][0] >= READ_S and touches(moved, track.face, frame.pixels.shape))
        ]
        if due:
            held |= {track.id: (now_s, said) for track, said in zip(due, self._classify(frame, due), strict=True)}
        self._held = held
        said = [(track, held[track.id][1]) for track in people]
        readings = tuple(Reading(track, each) for track, each in said if isinstance(each, EmotionScores))
        unread = tuple(UnreadFace(track, each) for track, each in said if not isinstance(each, EmotionScores))
        still = tuple(track for track in confirmed if self.liveness.is_still(track, now_s))
        return Observation(frame.sequence, now_s, readings, unread, still)

    def _classify(self, frame: Frame, people: list[Track]) -> list[EmotionScores | Unreadable]:
        """What each face says, or why it cannot be read."""
        size_px, rule = self.classifier.input_size_px, self.detector.crop_rule
        with self.meter.time("crop"):
            crops = [crop_face(frame.pixels, track.face, rule, size_px) for track in people]
            reasons = [why_unreadable(track.face, crop) for track, crop in zip(people, crops, strict=True)]
        with self.meter.time("classify"):
            scores = iter(
                self.classifier.classify([crop for crop, reason in zip(crops, reasons, strict=True) if not reason])
            )
        return [next(scores) if reason is None else reason for reason in reasons]
