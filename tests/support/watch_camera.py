"""Reads one camera as the daemon does, and tells what came: watch_camera.py SECONDS KEYS-OF-[camera]-AS-JSON."""

from __future__ import annotations

import json
import logging
import sys
import time

import cv2

from edge.camera.capture import Capture
from edge.config import CameraConfig
from edge.errors import CameraError
from edge.host.sensors import resident_mb
from edge.parts import open_camera


def main() -> None:
    duration_s, section = float(sys.argv[1]), CameraConfig(**json.loads(sys.argv[2]))
    lines: list[str] = []
    handler = logging.Handler(logging.INFO)
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    capture = Capture(
        lambda: open_camera(section), stall_s=section.stall_s, may_freeze=section.kind == "replay", max_reopens=10**6
    )
    error, begun_s = "", time.monotonic()
    frames, opened_s = 0, 0.0
    try:
        capture.start()
        opened_s = time.monotonic() - begun_s
        while time.monotonic() - begun_s < duration_s:
            frames += capture.next(0.5) is not None
    except CameraError as failure:
        error = str(failure)
    capture.stop()
    told = {
        "opencv": cv2.__version__,
        "opened_s": round(opened_s, 1),
        "frames": frames,
        "reopens": capture.reopens,
        "stalls": capture.stalls,
        "frozen": capture.frozen,
        "bad": capture.bad_frames,
        "lines": lines,
        "rss_mb": resident_mb(),
        "error": error,
    }
    print(json.dumps(told))  # noqa: T201 - for the test that started it


main()
