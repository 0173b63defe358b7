"""``fer-edge bench``: measures speed and memory of the daemon's parts on a clip, played as fast as possible.

The figures hold for one machine at one moment: compare only what was measured side by side.
"""

from __future__ import annotations

import threading
import time
from dataclasses import asdict, dataclass, replace
from typing import Any

from edge.camera.capture import Capture
from edge.config import Config
from edge.health import Meter
from edge.host.sensors import resident_mb
from edge.host.thermal import Throttle
from edge.parts import build_pipeline, open_camera, open_classifier, open_detector
from edge.records import Percentiles, RoomReading, WindowSummary
from edge.vision.detector import FaceDetector


@dataclass(frozen=True, slots=True)
class Looks:
    """How our own detector covers a frame: ``whole`` looks show all of it, ``at_once`` are made in one detection.

    ``whole_ms`` is what all of the frame takes, by the median of a detection.
    """

    whole: int
    at_once: int
    whole_ms: float


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One run over a clip; ``rss_mb`` is the resident memory at its end, in 10^6 bytes.

    ``looks`` is None for a detector that looks once at every frame, whatever its size.
    """

    clip: str
    detector: str
    model: str
    frames: int
    frames_per_s: float
    detect_ms: Percentiles | None
    looks: Looks | None
    classify_ms: Percentiles | None
    rss_mb: float | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


class NullOutlet:
    """Drops the results."""

    def publish_window(self, summary: WindowSummary) -> None:
        """Drop it."""

    def publish_live(self, room: RoomReading) -> None:
        """Drop it."""


def bench(config: Config) -> Benchmark:
    """Run the configured clip once through the pipeline, without a broker but with the MQTT library loaded.

    Raises:
        FerEdgeError: as at a start of the daemon.
    """
    detector, _ = open_detector(config.detector, config.inference)
    classifier, _ = open_classifier(config.model, config.inference)
    camera = replace(config.camera, pace="fast", loop=False)
    capture, meter = Capture(lambda: open_camera(camera)), Meter()
    capture.start()
    try:
        begun_s = time.perf_counter()
        build_pipeline(config, capture, detector, classifier, NullOutlet(), meter, Throttle()).run(threading.Event())
        elapsed_s = time.perf_counter() - begun_s
    finally:
        capture.stop()
    detect_ms = meter.percentiles_ms("detect")
    return Benchmark(
        clip=capture.name,
        detector=detector.name,
        model=classifier.manifest.id,
        frames=meter.analysed,
        frames_per_s=meter.analysed / elapsed_s,
        detect_ms=detect_ms,
        looks=_looks(detector, detect_ms) if detect_ms else None,
        classify_ms=meter.percentiles_ms("classify"),
        rss_mb=resident_mb(),
    )


def _looks(detector: FaceDetector, detect_ms: Percentiles) -> Looks | None:
    from edge.vision.detector.builtin import BuiltinDetector

    if not isinstance(detector, BuiltinDetector):
        return None
    whole, at_once = detector.looks, detector.looks_at_once
    return Looks(whole, at_once, detect_ms.p50 * whole / at_once)
