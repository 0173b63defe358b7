"""Network cameras against a real MJPEG server on loopback, which is killed and started again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np
import pytest

from edge.camera import stream
from edge.camera.capture import Capture
from edge.camera.stream import StreamCamera
from edge.errors import CameraError


class MjpegServer(ThreadingHTTPServer):
    """A camera that sends 50 grey frames a second, each brighter than the last, until it is killed."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Viewer)
        self.killed = threading.Event()
        self.authorizations: list[str | None] = []
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/cam"

    def kill(self) -> None:
        self.killed.set()
        self.shutdown()
        self.server_close()


class _Viewer(BaseHTTPRequestHandler):
    server: MjpegServer

    def do_GET(self) -> None:
        self.server.authorizations.append(self.headers["Authorization"])
        if "closed" in self.path and self.headers["Authorization"] is None:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="cam"')
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        level = 0
        while not self.server.killed.wait(0.02):
            level = (level + 1) % 256
            jpeg = cv2.imencode(".jpg", np.full((48, 64, 3), level, np.uint8))[1].tobytes()
            try:
                self.wfile.write(b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg))
                self.wfile.write(jpeg + b"\r\n")
            except OSError:
                return

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[MjpegServer]:
    server = MjpegServer()
    yield server
    server.kill()


def test_a_stream_delivers_luma(server: MjpegServer) -> None:
    camera = StreamCamera(server.url)

    frames = [frame for frame in (camera.read() for _ in range(3)) if frame is not None]
    camera.close()

    assert len(frames) == 3
    assert all(frame.pixels.shape == (48, 64) and frame.pixels.dtype == np.uint8 for frame in frames)
    assert camera.live


def test_a_frame_that_comes_after_the_time_out_is_no_news(server: MjpegServer, monkeypatch: pytest.MonkeyPatch) -> None:
    camera = StreamCamera(server.url)
    camera.read()
    monkeypatch.setattr(stream, "TIMEOUT_S", 0.0)

    with pytest.raises(CameraError, match="sent nothing for 0 s"):
        camera.read()


def test_a_password_reaches_the_camera_and_nobody_else(server: MjpegServer, capfd: pytest.CaptureFixture[str]) -> None:
    camera = StreamCamera(server.url.replace("//", "//guest:hush%40hush@").replace("cam", "closed?token=psst"))
    camera.read()
    server.kill()
    with pytest.raises(CameraError) as failure:
        list(iter(camera.read, None))
    told = camera.name + str(failure.value) + "".join(capfd.readouterr())

    assert server.authorizations[-1] == "Basic Z3Vlc3Q6aHVzaEBodXNo"  # guest:hush@hush
    assert not any(secret in told for secret in ("hush", "psst", "guest"))
    assert camera.name == f"stream http://127.0.0.1:{server.server_port}"


@pytest.mark.parametrize(
    "url",
    [
        "http://guest:hush/x@cam.local/",
        "http://guest:hush#@cam.local/",
        "ftp://hush@cam.local",
        "hush",
        "http://",
        "http://[hush",
    ],
)
def test_an_unusable_address_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(CameraError, match="expected rtsp://, rtsps://, http://, https:// and a host") as failure:
        StreamCamera(url)

    assert "hush" not in str(failure.value)


def test_an_absent_server_is_an_error_without_the_password(server: MjpegServer) -> None:
    server.kill()

    with pytest.raises(CameraError, match=rf"stream http://127.0.0.1:{server.server_port}: sends no video") as failure:
        StreamCamera(server.url.replace("//", "//guest:hush@"))

    assert "hush" not in str(failure.value)


def test_a_page_that_is_no_video_is_an_error(server: MjpegServer) -> None:
    with pytest.raises(CameraError, match="sends no video"):
        StreamCamera(server.url.replace("cam", "closed"))


def test_a_server_that_is_killed_and_comes_back_loses_time_but_no_numbers(server: MjpegServer) -> None:
    capture = Capture(lambda: StreamCamera(server.url), pause_s=0.05, max_reopens=50)
    capture.start()
    before = capture.next(10)

    server.kill()
    returned = MjpegServer(server.server_port)
    while not capture.reopens:
        capture.next(0.5)
    after = capture.next(10)
    capture.stop()
    returned.kill()

    assert before is not None
    assert after is not None
    assert after.sequence > before.sequence
    assert after.captured_at_s > before.captured_at_s
