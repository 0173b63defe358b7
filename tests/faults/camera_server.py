"""A network camera that breaks in every way a camera can."""

from __future__ import annotations

import itertools
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np

from edge.records import Pixels
from tests.support.daemon import Section


def jpeg(pixels: Pixels) -> bytes:
    return bytes(cv2.imencode(".jpg", pixels)[1])


def bar(width_px: int, height_px: int, at_px: int) -> Pixels:
    """A picture with an edge at ``at_px``."""
    pixels = np.full((height_px, width_px), 60, np.uint8)
    pixels[:, at_px % width_px :] = 200
    return pixels


class CameraServer(ThreadingHTTPServer):
    """MJPEG at 10 frames a second. ``manner`` is what it sends: moving, frozen, small, garbage, silence or hangup."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Viewer)
        self.manner = "moving"
        self.closed = threading.Event()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def camera(self) -> Section:
        """The section [camera] of a daemon that watches this one."""
        return {"kind": "stream", "url": f"http://127.0.0.1:{self.server_port}/cam", "stall_s": 2}

    def close(self) -> None:
        """Gone, with every connection."""
        self.closed.set()
        self.shutdown()
        self.server_close()


class _Viewer(BaseHTTPRequestHandler):
    server: CameraServer

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        for number in itertools.count():
            if self.server.closed.wait(0.1) or self.server.manner == "hangup":
                return
            if self.server.manner == "silence":
                continue
            try:
                content = self._picture(number)
                self.wfile.write(b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(content))
                self.wfile.write(content + b"\r\n")
            except OSError:
                return

    def _picture(self, number: int) -> bytes:
        match self.server.manner:
            case "frozen":
                return jpeg(bar(320, 240, 7))
            case "small":
                return jpeg(bar(160, 120, number))
            case "garbage":
                return np.random.default_rng(number).bytes(5000)
        return jpeg(bar(320, 240, number))

    def log_message(self, *_arguments: object) -> None:
        pass
