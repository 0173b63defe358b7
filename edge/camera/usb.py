"""A USB camera through V4L2 (on a laptop without V4L2, whatever OpenCV finds there)."""

from __future__ import annotations

import fcntl
import logging
import os
import struct
import sys
import time
from pathlib import Path

import cv2

from edge.camera.pace import Pace
from edge.camera.video import open_video
from edge.errors import CameraError
from edge.records import Image

log = logging.getLogger(__name__)

_QUERYCAP, _QUERYCAP_BYTES = 0x80685600, 104
_VIDEO_CAPTURE = 0x1
"""VIDIOC_QUERYCAP and V4L2_CAP_VIDEO_CAPTURE of linux/videodev2.h."""
_PARTS_OF_A_PI = frozenset({"unicam", "rp1-cfe", "pispbe", "bcm2835-isp", "bcm2835-codec", "rpivid", "rpi-hevc-dec"})
"""Drivers of receivers, image processors and codecs, which have a /dev/video of their own and are no cameras."""

RETRY_S = 0.05
"""Pause after a failed call, which a driver may answer at once."""


class UsbCamera:
    """A camera at ``device``: ``/dev/video0``, a stable ``/dev/v4l/by-id/...`` name, or its number.

    MJPG is asked for, because uncompressed YUYV fills a USB 2 bus from 1280x720 on; a camera without it keeps its own
    format. The driver takes the nearest size and rate it has; ``name`` shows which size, and of a higher rate only
    ``fps`` images a second are decoded.
    """

    live = True

    def __init__(self, device: str | int, width_px: int, height_px: int, *, fps: float, stall_s: float) -> None:
        """Open and set up the device.

        Raises:
            CameraError: there is no such device, this user may not open it, or it is not a camera.
        """
        source, backend = _locate(str(device))
        video = open_video(source, backend)
        if video is None:
            raise CameraError(f"camera {device}: cannot be opened; it is in use or not a capture device; {_present()}")
        self._video, self._source = video, source
        video.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        video.set(cv2.CAP_PROP_FRAME_WIDTH, width_px)
        video.set(cv2.CAP_PROP_FRAME_HEIGHT, height_px)
        video.set(cv2.CAP_PROP_FPS, fps)
        if backend == cv2.CAP_V4L2:
            video.take_jpeg()
        width, height = int(video.get(cv2.CAP_PROP_FRAME_WIDTH)), int(video.get(cv2.CAP_PROP_FRAME_HEIGHT))
        if (width, height) != (width_px, height_px):
            log.info("camera %s: delivers %dx%d instead of %dx%d", device, width, height, width_px, height_px)
        self.name = f"usb {device} {width}x{height}"
        self.bad_frames = 0
        self._stall_s, self._pace = stall_s, Pace(fps)

    def read(self) -> Image | None:
        """Wait for the next image; damaged ones are skipped and counted.

        Raises:
            CameraError: the camera is gone, or delivered no image for ``stall_s``.
        """
        deadline_s = time.monotonic() + self._stall_s
        while time.monotonic() < deadline_s:
            grabbed = self._video.grab()  # waits a second at most, see edge/__init__.py
            now_s = time.monotonic()
            if grabbed and not self._pace.due(now_s):
                continue
            pixels = self._video.retrieve() if grabbed else None
            if pixels is not None:
                return Image(now_s, pixels)
            if isinstance(self._source, str) and not Path(self._source).exists():
                raise CameraError(f"camera {self.name}: is gone; it was unplugged or lost its power")
            if grabbed:
                self._count_bad()
            else:
                time.sleep(RETRY_S)
        raise CameraError(f"camera {self.name}: delivered no image for {self._stall_s:g} s; it hangs, or is too slow")

    def close(self) -> None:
        """Release the device."""
        self._video.close()

    def _count_bad(self) -> None:
        self.bad_frames += 1
        if self.bad_frames == 1:
            log.warning("camera %s: skips damaged images; status counts them as bad_frames", self.name)


def list_cameras(dev: Path = Path("/dev")) -> tuple[tuple[str, str], ...]:
    """Name and device file of every camera that V4L2 has, under the name that stays when others are plugged in."""
    stable = {link.resolve(): link for link in sorted((dev / "v4l" / "by-id").glob("*"), reverse=True)}
    devices = sorted(dev.glob("video*"), key=lambda path: (len(path.name), path.name))
    named = [(_card(device), str(stable.get(device, device))) for device in devices]
    return tuple((name, device) for name, device in named if name is not None)


def _card(device: Path) -> str | None:
    """What the driver calls the camera; None if it is not one, or may not be opened."""
    answer = bytearray(_QUERYCAP_BYTES)
    try:
        handle = os.open(device, os.O_RDWR | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        fcntl.ioctl(handle, _QUERYCAP, answer)
    except OSError:
        return None
    finally:
        os.close(handle)
    driver, card = (bytes(part).partition(b"\0")[0].decode("utf-8", "replace") for part in (answer[:16], answer[16:48]))
    (capabilities,) = struct.unpack_from("=I", answer, 88)
    return card if capabilities & _VIDEO_CAPTURE and driver not in _PARTS_OF_A_PI else None


def _locate(device: str) -> tuple[str | int, int]:
    """What to open, and through which of OpenCV's backends.

    Raises:
        CameraError: the device file is absent, or this user may not use it.
    """
    if sys.platform != "linux":
        return (int(device) if device.isdecimal() else device), cv2.CAP_ANY
    path = Path(f"/dev/video{device}" if device.isdecimal() else device)
    if not path.exists():
        raise CameraError(f"camera {path}: does not exist; {_present()}")
    if not os.access(path, os.R_OK | os.W_OK):
        raise CameraError(f"camera {path}: this user may not open it; add the user to the group video")
    return str(path), cv2.CAP_V4L2


def _present() -> str:
    devices = sorted(str(path) for path in Path("/dev").glob("video*"))
    return f"there are {', '.join(devices)}" if devices else "there is no /dev/video*"
