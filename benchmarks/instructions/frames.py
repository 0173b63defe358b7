"""Instructions of the frames of a clip: ``run.sh arm64 benchmarks/instructions/frames.py CLIP``.

The daemon's pipeline between a replayed clip and nowhere. The marks stand after the first frame and after the last.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence

from benchmarks.mark import mark
from edge.camera.capture import Capture
from edge.config import CameraConfig, Config, ModelConfig
from edge.health import Meter
from edge.host.thermal import Throttle
from edge.parts import build_pipeline, open_camera, open_classifier, open_detector
from edge.records import Frame, Observation, RoomReading, Track, WindowSummary


class Marker:
    """Drops the results, and marks the first frame."""

    def __init__(self) -> None:
        self.frames = self.faces = 0

    def publish_window(self, summary: WindowSummary) -> None:
        """Drop it."""

    def publish_live(self, room: RoomReading) -> None:
        """Drop it."""

    def see(self, frame: Frame, tracks: Sequence[Track], observation: Observation) -> None:
        """Count, from the first frame on."""
        if not self.frames:
            mark()
        self.frames += 1
        self.faces += len(tracks)


def main() -> None:
    """Analyse the clip with the packaged models, the smaller classifier if ``light`` is the second argument."""
    camera = CameraConfig(kind="replay", path=sys.argv[1], pace="fast")
    config = Config(camera=camera, model=ModelConfig(folder="".join(sys.argv[2:])))
    detector, _ = open_detector(config.detector, config.inference)
    classifier, _ = open_classifier(config.model, config.inference)
    capture, marker = Capture(lambda: open_camera(config.camera)), Marker()
    capture.start()
    parts = config, capture, detector, classifier, marker, Meter(), Throttle(), marker
    build_pipeline(*parts).run(threading.Event())
    mark()
    capture.stop()
    print(f"{marker.frames - 1} frames between the marks, {marker.faces / marker.frames:.2f} faces a frame", flush=True)


if __name__ == "__main__":
    main()
