"""``fer-edge preview``: a page that shows what the sensor sees, to aim the camera and to choose ``min_face_px``.

The parts are the daemon's, set up by the daemon's file. Nothing is published and nothing is written.
"""

from __future__ import annotations

import sys
import threading
from contextlib import ExitStack

from edge.camera.capture import Capture
from edge.commands.preview.server import PreviewServer
from edge.commands.preview.view import View
from edge.config import Config, device_id
from edge.health import Meter
from edge.host.thermal import Throttle
from edge.parts import build_pipeline, open_camera, open_classifier, open_detector, reserve_camera
from edge.service import describe

IDLE_S = 600.0
"""Nobody watches for so long: the preview ends, and the service may have its camera back."""


def preview(config: Config, stop: threading.Event, *, host: str = "127.0.0.1", port: int = 0) -> None:
    """Serve the page until ``stop``, the end of a clip, or ``IDLE_S`` without a viewer.

    Raises:
        ConfigError: the page cannot be served at ``host`` and ``port``.
        FerEdgeError: as at a start of the daemon.
    """
    with ExitStack() as parts:
        detector, _ = open_detector(config.detector, config.inference)
        classifier, _ = open_classifier(config.model, config.inference)
        parts.enter_context(reserve_camera(config.camera))
        view, meter = View(config), Meter()
        server = PreviewServer(view, host, port, on_idle=stop.set, idle_s=IDLE_S)
        parts.callback(server.stop)
        capture = Capture(
            lambda: open_camera(config.camera),
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
    if server.went_idle:
        sys.stderr.write(f"preview: nobody watched for {IDLE_S / 60:.0f} minutes; stopped\n")


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
