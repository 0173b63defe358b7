"""Network cameras over HTTP against real servers on loopback: all the manners cameras have, and attackers."""

from __future__ import annotations

import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from edge.camera.address import parse_address
from edge.camera.capture import Capture
from edge.camera.http import HttpCamera
from edge.errors import CameraError
from edge.records import Image
from tests.edge.conftest import Certificates
from tests.support import http_camera
from tests.support.http_camera import LOGIN
from tests.support.paths import ROOT


@pytest.fixture
def server() -> Iterator[http_camera.HttpCamera]:
    server = http_camera.HttpCamera()
    yield server
    server.close()


def opened(url: str, fps: float = 60.0, stall_s: float = 5.0) -> HttpCamera:
    return HttpCamera(parse_address(url), fps=fps, stall_s=stall_s)


def images_of(camera: HttpCamera, count: int) -> list[Image]:
    images = [image for image in (camera.read() for _ in range(count)) if image is not None]
    camera.close()
    return images


@pytest.mark.parametrize("manner", ["usual", "late", "bare", "headless", "chunked", "moved", "still.jpg", "unnamed"])
def test_every_manner_of_sending_jpegs_is_a_camera(server: http_camera.HttpCamera, manner: str) -> None:
    camera = opened(server.url(manner))

    images = images_of(camera, 5)

    assert [image.pixels.shape for image in images] == [(48, 64)] * 5
    assert len({image.pixels.tobytes() for image in images}) == 5
    assert camera.live
    assert camera.bad_frames == 0


def test_images_are_luma(server: http_camera.HttpCamera) -> None:
    (image,) = images_of(opened(server.url("usual")), 1)

    assert image.pixels.dtype == np.uint8
    assert image.pixels.flags.c_contiguous
    assert set(np.unique(image.pixels // 10)) <= {5, 6, 19, 20}


def test_images_that_are_cut_off_are_skipped_and_counted(server: http_camera.HttpCamera) -> None:
    camera = opened(server.url("cut"))

    images = images_of(camera, 8)

    assert len(images) == 8
    assert camera.bad_frames >= 3


def test_a_still_image_is_asked_for_at_the_wished_rate(server: http_camera.HttpCamera) -> None:
    images = images_of(opened(server.url("still.jpg"), fps=20), 6)

    between_s = np.diff([image.captured_at_s for image in images])
    assert np.mean(between_s) > 0.8 / 20
    assert len(server.requests) == 6


def test_of_a_faster_stream_only_the_wished_rate_is_used() -> None:
    server = http_camera.HttpCamera(fps=100)
    camera = opened(server.url("usual"), fps=10)

    images = images_of(camera, 11)
    server.close()

    assert images[-1].captured_at_s - images[0].captured_at_s > 0.85


def test_one_failed_request_for_a_still_image_is_skipped_and_counted(server: http_camera.HttpCamera) -> None:
    camera = opened(server.url("shy.jpg"))

    images = images_of(camera, 4)

    assert len(images) == 4
    assert camera.bad_frames == 3


@pytest.mark.parametrize("manner", ["basic", "digest", "digest/md5"])
def test_a_password_reaches_the_camera_and_nobody_else(
    server: http_camera.HttpCamera, manner: str, capfd: pytest.CaptureFixture[str]
) -> None:
    camera = opened(server.url(manner, LOGIN))
    camera.read()
    server.close()
    with pytest.raises(CameraError) as failure:
        list(iter(camera.read, None))
    told = camera.name + str(failure.value) + repr(camera._address) + "".join(capfd.readouterr())

    assert camera.name == f"stream http://127.0.0.1:{server.port}"
    assert not any(secret in told for secret in ("p@s", "p%40s", "cam:"))


def test_a_digest_does_not_send_the_password(server: http_camera.HttpCamera) -> None:
    opened(server.url("digest", LOGIN)).close()

    assert not any("Basic" in request or "p@s" in request for request in server.requests)


@pytest.mark.parametrize(
    ("path", "login", "reason"),
    [
        ("basic", "", "asks for a user and password (401); camera.url takes them"),
        ("basic", "cam:wrong@", "refuses this user and password (401)"),
        ("digest", "cam:wrong@", "refuses this user and password (401)"),
        ("nowhere", "", "has nothing at this path (404)"),
        ("page", "", "sends text/html without a JPEG; expected MJPEG or a JPEG"),
        ("silent", "", "sent no image for 1 s"),
        ("drip", "", "sent no image for 1 s"),
        ("drip_head", "", "sent no image for 1 s"),
        ("endless_head", "", "answers with more than 32768 bytes of headers"),
        ("endless_line", "", "answers with more than 32768 bytes in a line"),
        ("endless_nothing", "", "sends no JPEG images"),
        ("huge", "", "sends images of 65500x65500; expected at most 16 megapixels"),
        ("round", "", "redirects more than 3 times"),
    ],
)
def test_the_reason_for_which_there_is_no_image_is_the_true_one(
    server: http_camera.HttpCamera, path: str, login: str, reason: str
) -> None:
    begun_s = time.monotonic()

    with pytest.raises(CameraError) as failure:
        opened(server.url(path, login), stall_s=1.0)

    assert reason in str(failure.value)
    assert str(failure.value).startswith(f"camera stream http://127.0.0.1:{server.port}: ")
    assert time.monotonic() - begun_s < 1.5


def test_a_camera_that_is_off_refuses_connections(server: http_camera.HttpCamera) -> None:
    server.close()

    with pytest.raises(CameraError, match=f"refuses connections on port {server.port}; is it on, is the port right"):
        opened(server.url("usual", LOGIN))


def test_a_name_that_nobody_knows_is_told_so() -> None:
    with pytest.raises(CameraError, match=r"the name camera\.invalid is not known"):
        opened("http://camera.invalid/")


@pytest.mark.parametrize("manner", ["away", "playlist"])
@pytest.mark.row(30, "HTTP server that redirects")
def test_no_other_address_is_visited(server: http_camera.HttpCamera, manner: str) -> None:
    router = http_camera.HttpCamera()

    with pytest.raises(CameraError, match=r"is not visited|sends application/vnd\.apple\.mpegurl without a JPEG"):
        opened(server.url(f"{manner}/127.0.0.1:{router.port}/reboot"))
    router.close()

    assert router.requests == []


def test_a_stream_that_ends_hung_up(server: http_camera.HttpCamera) -> None:
    camera = opened(server.url("leaving"))

    with pytest.raises(CameraError, match="hung up"):
        list(iter(camera.read, None))


def test_a_stream_that_pauses_too_long_is_an_error_after_stall_s(server: http_camera.HttpCamera) -> None:
    camera = opened(server.url("pausing"), stall_s=0.5)
    begun_s = time.monotonic()

    with pytest.raises(CameraError, match=r"sent no image for 0\.5 s \(camera\.stall_s\)"):
        list(iter(camera.read, None))

    assert 0.4 < time.monotonic() - begun_s < 1.0


RecordProperty = Callable[[str, object], None]
HOSTILE = """
import resource, sys
from edge.camera.address import parse_address
from edge.camera.http import HttpCamera
from edge.errors import CameraError

try:
    camera = HttpCamera(parse_address(sys.argv[1]), fps=60, stall_s=3)
    while True:
        camera.read()
except CameraError as error:
    print(error)
print(*[line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")])
"""


@pytest.mark.parametrize(
    "path", ["endless_part", "endless_head", "endless_line", "endless_nothing", "drip", "drip_head", "huge"]
)
@pytest.mark.row(30, "HTTP server that sends")
def test_a_hostile_camera_gets_neither_memory_nor_time(
    server: http_camera.HttpCamera, path: str, record_property: RecordProperty
) -> None:
    begun_s = time.monotonic()

    told = subprocess.run(
        [sys.executable, "-c", HOSTILE, server.url(path)], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()

    record_property("note", f"{int(told[-1]) / 1000:.0f} MB at most, {time.monotonic() - begun_s:.1f} s")
    assert told[0].startswith("camera stream ")
    assert int(told[-1]) / 1000 < 150
    assert server.sent_bytes < 30e6
    assert time.monotonic() - begun_s < 3 + 5  # with the start of Python


def test_a_server_that_is_killed_and_comes_back_loses_time_but_no_numbers(server: http_camera.HttpCamera) -> None:
    capture = Capture(lambda: opened(server.url("usual")), pause_s=0.05, max_reopens=50)
    capture.start()
    before = capture.next(10)

    server.close()
    returned = http_camera.HttpCamera(port=server.port)
    while not capture.reopens:
        capture.next(0.5)
    after = capture.next(10)
    capture.stop()
    returned.close()

    assert before is not None
    assert after is not None
    assert after.sequence > before.sequence
    assert after.captured_at_s > before.captured_at_s


@pytest.mark.parametrize(
    "url",
    [
        "http://guest:hush/x@cam.local/",
        "http://guest:hush#@cam.local/",
        "ftp://hush@cam.local",
        "hush",
        "http://",
        "http://[hush",
        "http://cam.local/a\r\nHush: 1",
        "http://cam.local/hush me",
    ],
)
def test_an_unusable_address_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(CameraError, match="expected rtsp://, rtsps://, http://, https:// and a host") as failure:
        parse_address(url)

    assert "hush" not in str(failure.value).lower()


def test_a_camera_with_a_certificate_of_its_own_is_read(
    server: http_camera.HttpCamera, certificates: Certificates
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.certificate, certificates.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)

    images = images_of(opened(server.url("usual").replace("http:", "https:")), 2)

    assert len(images) == 2
