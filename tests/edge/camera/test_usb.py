"""USB cameras, with OpenCV's own class replaced: there is no V4L2 device on a test machine."""

from __future__ import annotations

import os
import struct
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.camera.usb import UsbCamera, list_cameras
from edge.errors import CameraError
from edge.records import Pixels


class Webcam:
    """OpenCV's VideoCapture of a camera that knows one size; ``script`` is what it delivers, then nothing.

    G is a good buffer, E an empty one, N none in time.
    """

    opened: tuple[object, int] | None = None
    size = (640, 480)
    script = "GG"

    def __init__(self, source: object, backend: int, parameters: tuple[int, ...]) -> None:
        Webcam.opened = (source, backend)
        self.wishes: dict[int, float] = {}
        self.buffers = iter(self.script)

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return True

    def set(self, key: int, value: float) -> bool:
        self.wishes[key] = value
        return True

    def get(self, key: int) -> float:
        sizes = {cv2.CAP_PROP_FRAME_WIDTH: self.size[0], cv2.CAP_PROP_FRAME_HEIGHT: self.size[1]}
        return float(sizes.get(key, 0))

    def grab(self) -> bool:
        self.buffer = next(self.buffers, "N")
        return self.buffer != "N"

    def retrieve(self) -> tuple[bool, Pixels]:
        good = np.full((self.size[1], self.size[0], 3), 60, np.uint8)
        return (True, good) if self.buffer == "G" else (False, np.zeros(0, np.uint8))

    def release(self) -> None:
        self.buffers = iter("")


class NoCamera(Webcam):
    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return False


class JpegWebcam(Webcam):
    """One that sends JPEGs, as OpenCV's V4L2 hands them over: decoded, or in one row if no conversion is wished for."""

    jpeg = np.asarray(cv2.imencode(".jpg", np.full((480, 640, 3), (200, 60, 90), np.uint8))[1], np.uint8)

    def get(self, key: int) -> float:
        return float(cv2.VideoWriter.fourcc(*"MJPG")) if key == cv2.CAP_PROP_FOURCC else super().get(key)

    def retrieve(self) -> tuple[bool, Pixels]:
        raw = self.wishes.get(cv2.CAP_PROP_CONVERT_RGB) == 0
        jpeg = self.jpeg if self.buffer == "G" else np.full(100, 7, np.uint8)
        return True, jpeg.reshape(1, -1) if raw else np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8)


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(cv2, "VideoCapture", Webcam)
    path = tmp_path / "video0"
    path.touch()
    return path


def test_a_usb_camera_delivers_luma(device: Path) -> None:
    camera = UsbCamera(str(device), 640, 480, fps=1e6, stall_s=1)

    frames = [frame for frame in (camera.read(), camera.read()) if frame is not None]

    assert Webcam.opened == (str(device), cv2.CAP_V4L2)
    assert len(frames) == 2
    assert all(frame.pixels.shape == (480, 640) and np.all(frame.pixels == 60) for frame in frames)
    assert camera.live


def test_of_the_jpegs_of_a_camera_only_the_luma_is_decoded(device: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modes: set[int] = set()
    decode = cv2.imdecode
    monkeypatch.setattr(cv2, "VideoCapture", JpegWebcam)
    monkeypatch.setattr(JpegWebcam, "script", "GEG")

    def imdecode(jpeg: Pixels, mode: int) -> cv2.typing.MatLike | None:
        modes.add(mode)
        return decode(jpeg, mode)

    monkeypatch.setattr(cv2, "imdecode", imdecode)
    camera = UsbCamera(str(device), 640, 480, fps=1e6, stall_s=1)

    images = [camera.read(), camera.read()]

    expected = 0.114 * 200 + 0.587 * 60 + 0.299 * 90
    assert all(image and image.pixels.shape == (480, 640) for image in images)
    assert all(image and np.all(abs(image.pixels - expected) < 2) for image in images)
    assert camera.bad_frames == 1
    assert modes == {cv2.IMREAD_GRAYSCALE}


def test_jpegs_without_an_end_are_left_to_opencv(device: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def retrieve(camera: Webcam) -> tuple[bool, Pixels]:
        raw = camera.wishes.get(cv2.CAP_PROP_CONVERT_RGB) == 0
        return True, JpegWebcam.jpeg[None, :-2] if raw else np.full((480, 640, 3), 60, np.uint8)

    monkeypatch.setattr(cv2, "VideoCapture", JpegWebcam)
    monkeypatch.setattr(JpegWebcam, "script", "GGG")
    monkeypatch.setattr(JpegWebcam, "retrieve", retrieve)
    camera = UsbCamera(str(device), 640, 480, fps=1e6, stall_s=1)

    images = [camera.read(), camera.read()]

    assert all(image and np.all(image.pixels == 60) for image in images)
    assert camera.bad_frames == 1


def test_the_name_tells_the_size_the_driver_chose(device: Path) -> None:
    assert UsbCamera(str(device), 800, 600, fps=1e6, stall_s=1).name == f"usb {device} 640x480"


def test_an_unplugged_camera_is_an_error_that_names_it(device: Path) -> None:
    camera = UsbCamera(str(device), 640, 480, fps=1e6, stall_s=1)
    camera.read(), camera.read()
    device.unlink()

    with pytest.raises(CameraError, match=f"usb {device} 640x480: is gone; it was unplugged"):
        camera.read()


def test_a_camera_that_stops_delivering_is_an_error_after_stall_s(device: Path) -> None:
    camera = UsbCamera(str(device), 640, 480, fps=1e6, stall_s=0.2)
    camera.read(), camera.read()

    with pytest.raises(CameraError, match=r"delivered no image for 0\.2 s"):
        camera.read()


def test_a_few_bad_buffers_are_skipped_and_counted_and_told_once(
    device: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Webcam, "script", "GEGENG" + "EG" * 20)
    camera = UsbCamera(str(device), 640, 480, fps=1e6, stall_s=1)

    images = [camera.read() for _ in range(23)]

    assert all(image is not None for image in images)
    assert camera.bad_frames == 22
    assert [record.getMessage() for record in caplog.records] == [
        f"camera usb {device} 640x480: skips damaged images; status counts them as bad_frames"
    ]


def test_a_camera_that_ignores_the_wished_rate_is_decoded_at_that_rate(
    device: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = []

    def grab(camera: Webcam) -> bool:
        time.sleep(0.002)
        camera.buffer = "G"
        return True

    def retrieve(camera: Webcam) -> tuple[bool, Pixels]:
        decoded.append(camera.buffer)
        return True, np.zeros((4, 6, 3), np.uint8)

    monkeypatch.setattr(Webcam, "grab", grab)
    monkeypatch.setattr(Webcam, "retrieve", retrieve)
    camera = UsbCamera(str(device), 640, 480, fps=20, stall_s=1)

    images = [camera.read() for _ in range(5)]

    times_s = [image.captured_at_s for image in images if image]
    assert times_s[-1] - times_s[0] > 0.15
    assert len(decoded) == 5


@pytest.mark.parametrize(
    ("asked", "named"), [("/dev/video98", "/dev/video98"), (98, "/dev/video98"), ("98", "/dev/video98")]
)
def test_an_absent_device_is_named_with_those_there_are(asked: str | int, named: str) -> None:
    with pytest.raises(
        CameraError, match=rf"camera {named}: does not exist; there (are /dev/video|is no /dev/video\*)"
    ):
        UsbCamera(asked, 640, 480, fps=1e6, stall_s=1)


def test_a_device_that_is_no_camera_is_an_error(device: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", NoCamera)

    with pytest.raises(CameraError, match=f"{device}: cannot be opened; it is in use or not a capture device"):
        UsbCamera(str(device), 640, 480, fps=1e6, stall_s=1)


def test_a_forbidden_device_tells_the_group_to_join(device: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)

    with pytest.raises(CameraError, match="may not open it; add the user to the group video"):
        UsbCamera(str(device), 640, 480, fps=1e6, stall_s=1)


def test_cameras_are_listed_by_their_name_and_parts_of_a_pi_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices = {  # driver, name, capabilities of the device
        "video0": (b"uvcvideo", b"HD Webcam", 0x04A00001),
        "video1": (b"uvcvideo", b"HD Webcam", 0x00A00000),  # its metadata
        "video10": (b"bcm2835-codec", b"bcm2835-codec-decode", 0x04204000),
        "video19": (b"rp1-cfe", b"rp1-cfe", 0x24A00001),
    }
    for name in devices:
        (tmp_path / name).touch()
    stable = tmp_path / "v4l" / "by-id" / "usb-HD_Webcam-video-index0"
    stable.parent.mkdir(parents=True)
    stable.symlink_to(tmp_path / "video0")

    def query(handle: int, request: int, answer: bytearray) -> int:
        driver, card, capabilities = devices[Path(f"/proc/self/fd/{handle}").resolve().name]
        assert request == 0x80685600
        struct.pack_into("=16s32s32sIII", answer, 0, driver, card, b"usb", 0, 0x84A00001, capabilities)
        return 0

    monkeypatch.setattr("fcntl.ioctl", query)

    assert list_cameras(tmp_path) == (("HD Webcam", str(stable)),)
