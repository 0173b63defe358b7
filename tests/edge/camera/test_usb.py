"""USB cameras, with OpenCV's own class replaced: there is no V4L2 device on a test machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.camera.usb import UsbCamera
from edge.errors import CameraError
from edge.records import Pixels


class Webcam:
    """OpenCV's VideoCapture of a camera that knows one size and hangs up after two frames."""

    opened: tuple[object, int] | None = None
    size = (640, 480)

    def __init__(self, source: object, backend: int, parameters: tuple[int, ...]) -> None:
        Webcam.opened = (source, backend)
        self.wishes: dict[int, float] = {}
        self.left = 2

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return True

    def set(self, key: int, value: float) -> bool:
        self.wishes[key] = value
        return True

    def get(self, key: int) -> float:
        return float(self.size[0] if key == cv2.CAP_PROP_FRAME_WIDTH else self.size[1])

    def read(self) -> tuple[bool, Pixels | None]:
        self.left -= 1
        return (True, np.full((self.size[1], self.size[0], 3), 60, np.uint8)) if self.left >= 0 else (False, None)

    def release(self) -> None:
        self.left = 0


class NoCamera(Webcam):
    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return False


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(cv2, "VideoCapture", Webcam)
    path = tmp_path / "video0"
    path.touch()
    return path


def test_a_usb_camera_delivers_luma(device: Path) -> None:
    camera = UsbCamera(str(device), 640, 480, 15)

    frames = [frame for frame in (camera.read(), camera.read()) if frame is not None]

    assert Webcam.opened == (str(device), cv2.CAP_V4L2)
    assert len(frames) == 2
    assert all(frame.pixels.shape == (480, 640) and np.all(frame.pixels == 60) for frame in frames)
    assert camera.live


def test_the_name_tells_the_size_the_driver_chose(device: Path) -> None:
    assert UsbCamera(str(device), 800, 600, 15).name == f"usb {device} 640x480"


def test_an_unplugged_camera_is_an_error_that_names_it(device: Path) -> None:
    camera = UsbCamera(str(device), 640, 480, 15)
    camera.read(), camera.read()

    with pytest.raises(CameraError, match=f"usb {device} 640x480: stopped delivering frames"):
        camera.read()


@pytest.mark.parametrize(
    ("asked", "named"), [("/dev/video98", "/dev/video98"), (98, "/dev/video98"), ("98", "/dev/video98")]
)
def test_an_absent_device_is_named_with_those_there_are(asked: str | int, named: str) -> None:
    with pytest.raises(
        CameraError, match=rf"camera {named}: does not exist; there (are /dev/video|is no /dev/video\*)"
    ):
        UsbCamera(asked, 640, 480, 15)


def test_a_device_that_is_no_camera_is_an_error(device: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", NoCamera)

    with pytest.raises(CameraError, match=f"{device}: cannot be opened; it is in use or not a capture device"):
        UsbCamera(str(device), 640, 480, 15)


def test_a_forbidden_device_tells_the_group_to_join(device: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)

    with pytest.raises(CameraError, match="may not open it; add the user to the group video"):
        UsbCamera(str(device), 640, 480, 15)
