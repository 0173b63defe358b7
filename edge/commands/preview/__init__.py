"""``fer-edge preview``: a page that shows what the sensor sees, to aim the camera and to choose ``min_face_px``.

The parts are the daemon's, set up by the daemon's file. Nothing is published and nothing is written.
"""

from __future__ import annotations

import sys
import threading
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime

from edge.camera.capture import Capture
from edge.commands.preview.server import PreviewServer
from edge.commands.preview.view import View
from edge.config import Config, device_id
from edge.errors import ConfigError
from edge.health import Meter
from edge.host.quiet_hours import QuietHours
from edge.host.thermal import Throttle
from edge.parts import build_pipeline, open_camera, open_classifier, open_detector, reserve_camera
from edge.service import describe

IDLE_S = 600.0
"""Nobody watches for so long: the preview ends, and the service may have its camera back."""


def preview(config: Config, stop: threading.Event, *, host: str = "127.0.0.1", port: int = 0) -> None:
    """Serve the page until ``stop``, ``IDLE_S`` without a viewer or the beginning of quiet hours.

    A recording is played again and again, at the pace of a camera: it may be over before the page is open.

    Raises:
        ConfigError: the page cannot be served at ``host`` and ``port``, or these are quiet hours.
        FerEdgeError: as at a start of the daemon.
    """
    quiet, view, meter = QuietHours(config.privacy.quiet_hours), View(config), Meter()
    if quiet.include(datetime.now(UTC)):
        raise ConfigError("preview: privacy.quiet_hours keep the camera closed now")
    ended = ""

    def end_in_time() -> None:
        nonlocal ended
        if view.idle_s > IDLE_S:
            ended = f"nobody watched for {IDLE_S / 60:.0f} minutes"
        elif quiet.include(datetime.now(UTC)):
            ended = "privacy.quiet_hours have begun"
        if ended:
            stop.set()

    with ExitStack() as parts:
        detector, _ = open_detector(config.detector, config.inference)
        classifier, _ = open_classifier(config.model, config.inference)
        parts.enter_context(reserve_camera(config.camera))
        server = PreviewServer(view, host, port, tick=end_in_time)
        parts.callback(server.stop)
        capture = Capture(
            lambda: open_camera(replace(config.camera, loop=True, pace="real")),
            stall_s=config.camera.stall_s,
            may_freeze=config.camera.kind == "replay",
        )
        parts.callback(capture.stop)
        capture.start()
        device = describe(config, device_id(config.device), capture.name, detector.name, classifier)
        view.welcome(device, meter, detector)
        server.start()
        sys.stderr.write(f"preview: {server.url}\n{_advice(server)}")
        sys.stderr.flush()
        build_pipeline(config, capture, detector, classifier, view, meter, Throttle(), view).run(stop)
    if ended:
        sys.stderr.write(f"preview: {ended}; stopped\n")


def _advice(server: PreviewServer) -> str:
    if server.is_local:
        return (
            "From another computer, forward the port and open the same address there: "
            f"ssh -L {server.port}:127.0.0.1:{server.port} THIS-MACHINE\nCtrl-C ends it.\n"
        )
    return (
        "Whoever has this address sees the camera, and so does whoever listens on the network: it is not encrypted.\n"
        "Ctrl-C ends it.\n"
    )
