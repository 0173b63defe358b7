"""The ribbon camera against a stand-in for picamera2's own API, as read from its source (0.3): no sensor was here."""

from __future__ import annotations

import sys
import time
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edge.camera.csi import CsiCamera
from edge.config import CameraConfig
from edge.errors import CameraError, ConfigError
from edge.parts import open_camera
from edge.records import Pixels

PADDING = 255


class Picamera2:
    """A sensor that shows the ramp ``row + column``, in the format and row length of ``delivers``."""

    cameras: tuple[dict[str, Any], ...] = ({"Model": "ramp"},)
    delivers: dict[str, Any] = {}  # noqa: RUF012 - set by each test
    stalls = False
    refuses: str | None = None
    clings: str | None = None
    closed = 0
    transform = SimpleNamespace()

    @classmethod
    def global_camera_info(cls) -> tuple[dict[str, Any], ...]:
        return cls.cameras

    def create_video_configuration(
        self, main: dict[str, Any], transform: SimpleNamespace, controls: dict[str, Any]
    ) -> dict[str, Any]:
        type(self).transform = transform
        return {"main": main, "controls": controls}

    def configure(self, configuration: dict[str, Any]) -> None:
        self.main = {"stride": configuration["main"]["size"][0], **configuration["main"], **self.delivers}

    def start(self) -> None:
        if self.refuses:
            raise RuntimeError(self.refuses)

    def camera_configuration(self) -> dict[str, Any]:
        return {"main": self.main}

    def capture_request(self, wait: bool) -> Any:
        future: Future[Any] = Future()
        if not self.stalls:
            future.set_result(SimpleNamespace(make_buffer=self._buffer, release=lambda: None))
        return SimpleNamespace(get_result=lambda timeout: future.result(0 if self.stalls else timeout))

    def _buffer(self, name: str) -> Pixels:
        (width, height), stride = self.main["size"], self.main["stride"]
        luma = np.full((height, stride), PADDING, np.uint8)
        luma[:, :width] = ramp(width, height)
        chroma = np.full(stride * height // 2, 128, np.uint8)
        return np.concatenate([luma.ravel(), chroma])

    def close(self) -> None:
        type(self).closed += 1
        if self.clings:
            raise RuntimeError(self.clings)


def ramp(width: int, height: int) -> Pixels:
    return (np.arange(height)[:, None] + np.arange(width)).astype(np.uint8)


@pytest.fixture
def picamera(monkeypatch: pytest.MonkeyPatch) -> type[Picamera2]:
    fresh = type("Picamera2", (Picamera2,), {})
    monkeypatch.setitem(sys.modules, "picamera2", SimpleNamespace(Picamera2=fresh))
    monkeypatch.setitem(sys.modules, "libcamera", SimpleNamespace(Transform=SimpleNamespace))
    return fresh


@pytest.mark.parametrize(
    "delivers",
    [
        {},
        {"stride": 128},
        {"format": "NV12", "stride": 112},
        {"format": "YVU420", "size": (96, 72), "stride": 128},
    ],
)
def test_the_luma_plane_comes_out_whatever_the_row_length_and_format(
    picamera: type[Picamera2], delivers: dict[str, Any]
) -> None:
    picamera.delivers = delivers

    camera = CsiCamera(100, 80, fps=1000, stall_s=5)
    image = camera.read()

    assert image is not None
    width, height = delivers.get("size", (100, 80))
    assert np.array_equal(image.pixels, ramp(width, height))
    assert image.pixels.flags.c_contiguous
    assert camera.name == f"csi {width}x{height} {delivers.get('format', 'YUV420')}"


def test_images_are_stamped_as_they_come(picamera: type[Picamera2]) -> None:
    camera = CsiCamera(64, 48, fps=1000, stall_s=5)

    before_s = time.monotonic()
    images = [camera.read() for _ in range(3)]

    times_s = [image.captured_at_s for image in images if image]
    assert before_s <= times_s[0] <= times_s[1] <= times_s[2] <= time.monotonic()
    assert camera.live


def test_a_format_without_a_luma_plane_is_refused_and_the_camera_given_back(picamera: type[Picamera2]) -> None:
    picamera.delivers = {"format": "XBGR8888"}

    with pytest.raises(CameraError, match="delivers XBGR8888; expected one of YUV420"):
        CsiCamera(64, 48, fps=1000, stall_s=5)

    assert picamera.closed == 1


def test_a_camera_that_cannot_start_is_given_back(picamera: type[Picamera2]) -> None:
    picamera.refuses = "Device or resource busy"

    with pytest.raises(CameraError, match=r"cannot start with 64x48 at 1000 frames/s \(Device or resource busy\)"):
        CsiCamera(64, 48, fps=1000, stall_s=5)

    assert picamera.closed == 1


def test_a_camera_that_can_neither_start_nor_be_closed_tells_why_it_cannot_start(picamera: type[Picamera2]) -> None:
    picamera.refuses = "Unable to allocate buffers"
    picamera.clings = "Could not open any dmaHeap device"

    with pytest.raises(CameraError, match="Unable to allocate buffers"):
        CsiCamera(64, 48, fps=1000, stall_s=5)


def test_a_silent_sensor_is_an_error(picamera: type[Picamera2]) -> None:
    camera = CsiCamera(64, 48, fps=1000, stall_s=5)
    picamera.stalls = True

    with pytest.raises(CameraError, match="no frame for 5 s"):
        camera.read()


def test_no_camera_on_the_cable_is_an_error(picamera: type[Picamera2]) -> None:
    picamera.cameras = ()

    with pytest.raises(CameraError, match="libcamera finds no camera; check its cable"):
        CsiCamera(64, 48, fps=1000, stall_s=5)


def test_without_picamera2_the_error_tells_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", None)

    with pytest.raises(ConfigError, match="sudo apt install python3-picamera2"):
        CsiCamera(64, 48, fps=1000, stall_s=5)


@pytest.mark.parametrize(
    ("rotate", "flip", "hflip", "vflip"),
    [
        (0, "none", False, False),
        (180, "none", True, True),
        (0, "horizontal", True, False),
        (0, "vertical", False, True),
        (180, "horizontal", False, True),
        (180, "vertical", True, False),
    ],
)
def test_the_sensor_itself_turns_by_180_degrees_and_mirrors(
    picamera: type[Picamera2], rotate: int, flip: str, hflip: bool, vflip: bool
) -> None:
    camera = open_camera(CameraConfig(width_px=64, height_px=48, rotate=rotate, flip=flip))
    image = camera.read()

    assert (picamera.transform.hflip, picamera.transform.vflip) == (hflip, vflip)
    assert image is not None
    assert np.array_equal(image.pixels, ramp(64, 48))


def test_what_the_sensor_cannot_turn_is_turned_here(picamera: type[Picamera2]) -> None:
    image = open_camera(CameraConfig(width_px=64, height_px=48, rotate=90, flip="horizontal")).read()

    assert (picamera.transform.hflip, picamera.transform.vflip) == (False, False)
    assert image is not None
    assert np.array_equal(image.pixels, ramp(64, 48).T)


def test_a_sensor_that_is_faster_than_asked_costs_no_more(picamera: type[Picamera2]) -> None:
    camera = CsiCamera(64, 48, fps=20, stall_s=5)

    images = [camera.read() for _ in range(5)]

    times_s = [image.captured_at_s for image in images if image]
    assert times_s[-1] - times_s[0] > 0.15
