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


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One run over a clip; ``rss_mb`` is the resident memory at its end, in 10^6 bytes."""

    clip: str
    detector: str
    model: str
    frames: int
    frames_per_s: float
    detect_ms: Percentiles | None
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
    return Benchmark(
        clip=capture.name,
        detector=detector.name,
        model=classifier.manifest.id,
        frames=meter.analysed,
        frames_per_s=meter.analysed / elapsed_s,
        detect_ms=meter.percentiles_ms("detect"),
        classify_ms=meter.percentiles_ms("classify"),
        rss_mb=resident_mb(),
    )
