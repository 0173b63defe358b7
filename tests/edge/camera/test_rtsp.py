"""Network cameras over RTSP against GStreamer's server. Rates and troubles for minutes: test_endurance.py."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import cast

import cv2
import pytest

from edge.camera.address import parse_address
from edge.camera.rtsp import RtspCamera, Transport
from edge.errors import CameraError
from tests.support.http_camera import LOGIN, HttpCamera
from tests.support.rtsp import rtsp_server


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with rtsp_server() as port:
        yield port


@pytest.fixture(scope="module", params=["basic", "digest"])
def guarded_port(request: pytest.FixtureRequest) -> Iterator[int]:
    with rtsp_server(request.param) as port:
        yield port


def opened(url: str, transport: str = "auto", fps: float = 60.0, stall_s: float = 10.0) -> RtspCamera:
    return RtspCamera(parse_address(url), transport=cast(Transport, transport), fps=fps, stall_s=stall_s)


@pytest.mark.parametrize(
    ("path", "transport"),
    [
        ("fps2", "auto"),
        ("fps10", "tcp"),
        ("fps10", "udp"),
        ("fps60", "auto"),
        ("tcp", "auto"),
        ("udp", "auto"),
        ("jpeg", "auto"),
        ("audio", "auto"),
    ],
)
def test_every_transport_and_rate_delivers_luma(port: int, path: str, transport: str) -> None:
    camera = opened(f"rtsp://127.0.0.1:{port}/{path}", transport)

    images = [image for image in (camera.read() for _ in range(8)) if image is not None]
    camera.close()

    assert [image.pixels.shape for image in images] == [(240, 320)] * 8
    assert camera.live
    assert camera.name == f"stream rtsp://127.0.0.1:{port}"
    assert camera.bad_frames == 0


def test_of_a_faster_camera_only_the_wished_rate_is_used(port: int) -> None:
    camera = opened(f"rtsp://127.0.0.1:{port}/fps60", fps=5)
    for _ in range(10):  # what came while it was opened
        camera.read()
    begun_s = time.monotonic()

    for _ in range(5):
        camera.read()
    camera.close()

    assert time.monotonic() - begun_s > 0.7


def test_a_password_reaches_the_camera_and_nobody_else(guarded_port: int, capfd: pytest.CaptureFixture[str]) -> None:
    camera = opened(f"rtsp://{LOGIN}127.0.0.1:{guarded_port}/fps10")
    image = camera.read()
    camera.close()

    assert image is not None
    assert not any(secret in camera.name + "".join(capfd.readouterr()) for secret in ("p@s", "p%40s", "cam:"))


@pytest.mark.parametrize(
    ("login", "reason"),
    [("", r"asks for a user and password \(401\)"), ("cam:wrong@", r"refuses this user and password \(401\)")],
)
def test_a_wrong_password_is_told_so(guarded_port: int, login: str, reason: str) -> None:
    with pytest.raises(CameraError, match=f"stream rtsp://127.0.0.1:{guarded_port}: {reason}"):
        opened(f"rtsp://{login}127.0.0.1:{guarded_port}/fps10")


def test_a_path_that_is_not_there_is_told_so(port: int) -> None:
    with pytest.raises(CameraError, match=r"has nothing at this path \(404\)"):
        opened(f"rtsp://127.0.0.1:{port}/nowhere")


@pytest.mark.skipif(cv2.__version__.startswith("4.11"), reason="OpenCV 4.11 takes TCP where there is no UDP")
def test_a_camera_that_does_not_offer_the_transport_is_told_so(port: int) -> None:
    # This server answers 503 while it ends the session that FFmpeg gave up.
    with pytest.raises(CameraError, match=r"sends no video \(camera\.transport udp\)|answers with the error 503"):
        opened(f"rtsp://127.0.0.1:{port}/tcp", "udp", stall_s=2.0)


def test_a_camera_that_is_off_refuses_connections() -> None:
    gone = HttpCamera()
    gone.close()

    with pytest.raises(CameraError, match=f"refuses connections on port {gone.port}; is it on, is the port right"):
        opened(f"rtsp://127.0.0.1:{gone.port}/cam")


def test_a_camera_that_says_nothing_is_given_up_after_stall_s() -> None:
    silent = HttpCamera()
    begun_s = time.monotonic()
    once_more_and_analysis_s = 1.0 + 3.0 + 5.0  # OpenCV 4.11 does not read FFmpeg's own time-out

    with pytest.raises(CameraError, match="connects, but did not answer for 1 s"):
        opened(f"rtsp://127.0.0.1:{silent.port}/silent", stall_s=1.0)
    silent.close()

    assert time.monotonic() - begun_s < once_more_and_analysis_s + 1


def test_a_redirect_to_another_host_is_not_followed() -> None:
    router, moved = HttpCamera(), HttpCamera()

    with pytest.raises(CameraError, match="is not visited"):
        opened(f"rtsp://127.0.0.1:{moved.port}/away/127.0.0.1:{router.port}/reboot")
    moved.close()
    router.close()

    assert router.requests == []


def test_a_server_that_dies_is_an_error_at_once() -> None:
    with rtsp_server() as port:
        camera = opened(f"rtsp://127.0.0.1:{port}/fps10")
        camera.read()
    begun_s = time.monotonic()

    with pytest.raises(CameraError, match="hung up"):
        list(iter(camera.read, None))
    camera.close()

    assert time.monotonic() - begun_s < 5
