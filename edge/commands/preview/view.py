"""What the preview shows: the newest frame with everything that was found in it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import msgspec

from edge.config import Config
from edge.health import Meter
from edge.labels import colours_of, in_chart_order
from edge.mqtt import compose
from edge.mqtt.codec import encode
from edge.mqtt.messages import Device
from edge.mqtt.wallclock import WallClock
from edge.records import Face, Frame, Observation, RoomReading, Track, WindowSummary
from edge.vision.detector import FaceDetector
from edge.vision.detector.builtin import BuiltinDetector

JPEG_QUALITY = 82
WATCHED_S = 3.0
"""How long after a viewer's last question frames are still encoded."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One frame for viewers: a line of JSON, then the picture as JPEG."""

    number: int
    body: bytes


class View:
    """The newest frame, written by the pipeline and read by the thread of each viewer.

    A viewer takes the newest frame whenever it is ready for one, so that a slow one misses some and holds up nobody.
    While nobody watches, no picture is encoded.
    """

    def __init__(self, config: Config, room_page: str = "") -> None:
        """Show the sensor of ``config``, with a link to ``room_page``, an address, if there is one."""
        self._config, self._room_page = config, room_page
        self._clock = WallClock()
        self._device: Device | None = None
        self._detector: FaceDetector | None = None
        self._meter = Meter()
        self._message: dict[str, Any] | None = None
        self._windows = 0
        self._changed = threading.Condition()
        self._shot: Shot | None = None
        self._shots = 0
        self._asked_s = time.monotonic()

    def welcome(self, device: Device, meter: Meter, detector: FaceDetector) -> None:
        """Before the first frame: what the device is, what measures it and what finds its faces."""
        self._device, self._meter, self._detector = device, meter, detector

    def publish_window(self, summary: WindowSummary) -> None:
        """Show the message of this window."""
        assert self._device is not None
        self._windows += 1
        message = encode(compose.aggregate(self._device, "00000000", self._windows, summary, self._clock))
        # The id and number are those of the outbox, which the preview does not have.
        self._message = {
            name: value for name, value in json.loads(message.payload).items() if name not in ("id", "seq")
        }

    def publish_live(self, room: RoomReading) -> None:
        """The people are on the picture."""

    def see(self, frame: Frame, tracks: Sequence[Track], observation: Observation) -> None:
        """Take a frame and what was found in it."""
        if self.idle_s > WATCHED_S:
            return
        encoded, jpeg = cv2.imencode(".jpg", frame.pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        if not encoded:
            return
        facts = msgspec.json.encode(self._facts(frame, tracks, observation))
        with self._changed:
            self._shots += 1
            self._shot = Shot(self._shots, facts + b"\n" + jpeg.tobytes())
            self._changed.notify_all()

    def newest(self, after: int, timeout_s: float) -> Shot | None:
        """The newest frame that is newer than number ``after``; None if none comes within ``timeout_s``."""
        self._asked_s = time.monotonic()
        with self._changed:
            self._changed.wait_for(lambda: self._shot is not None and self._shot.number != after, timeout_s)
            return self._shot if self._shot is not None and self._shot.number != after else None

    @property
    def idle_s(self) -> float:
        """Seconds since a viewer last asked for a frame, or since the start."""
        return time.monotonic() - self._asked_s

    def _facts(self, frame: Frame, tracks: Sequence[Track], observation: Observation) -> dict[str, Any]:
        config, device, meter = self._config, self._device, self._meter
        assert device is not None
        height_px, width_px = frame.pixels.shape
        read = {reading.track.id: reading.scores for reading in observation.readings}
        states = {track.id: "still" for track in observation.still}
        states |= {face.track.id: face.reason for face in observation.unread}
        faces = []
        for track in tracks:
            face = _face(track.face, states.get(track.id, "seen" if track.confirmed else "new"), track.id)
            if (scores := read.get(track.id)) is not None and config.counts_only is None:
                face["state"] = "read" if scores.confidence >= config.model.uncertain_below else "uncertain"
                face["shares"] = dict(zip(scores.labels, scores.probabilities, strict=True))
            faces.append(face)
        if isinstance(self._detector, BuiltinDetector):
            faces += [_face(face, "too_small", None) for face in self._detector.too_small]
        return {
            "number": self._shots + 1,
            "width": width_px,
            "height": height_px,
            "faces": faces,
            "fps": meter.fps(),
            "detect": meter.percentiles_ms("detect"),
            "classify": meter.percentiles_ms("classify"),
            "camera": device.camera,
            "detector": device.detector,
            "model": f"{device.model.id} ({device.model.head})",
            "labels": in_chart_order(device.labels, device.order or ()),
            "colours": colours_of(device.labels, device.colours or {}),
            "mask": config.camera.mask,
            "minFacePx": config.detector.min_face_px,
            "minPeople": config.privacy.min_people,
            "countsOnly": config.counts_only is not None,
            "windowS": config.window.duration_s,
            "message": self._message,
            "roomPage": self._room_page,
        }


def _face(face: Face, state: str, track: int | None) -> dict[str, Any]:
    box = (face.left_px, face.top_px, face.right_px, face.bottom_px)
    return {"id": track, "box": box, "confidence": face.confidence, "state": state, "shares": None}
