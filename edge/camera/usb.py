"""A USB camera through V4L2 (on a laptop without V4L2, whatever OpenCV finds there)."""

from __future__ import annotations

import logging
import os
import sys
import time
from pathlib import Path

import cv2

from edge.camera.luma import open_video, read_video
from edge.errors import CameraError
from edge.records import Image

log = logging.getLogger(__name__)


class UsbCamera:
    """A camera at ``device``: ``/dev/video0``, a stable ``/dev/v4l/by-id/...`` name, or its number.

    MJPG is asked for, because uncompressed YUYV fills a USB 2 bus from 1280x720 on; a camera without it keeps its own
    format. The driver takes the nearest size and rate it has, and ``name`` shows which size.
    """

    live = True

    def __init__(self, device: str | int, width_px: int, height_px: int, fps: float) -> None:
        """Open and set up the device.

        Raises:
            CameraError: there is no such device, this user may not open it, or it is not a camera.
        """
        source, backend = _locate(str(device))
        video = open_video(source, backend)
        if video is None:
            raise CameraError(f"camera {device}: cannot be opened; it is in use or not a capture device; {_present()}")
        self._video = video
        video.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        video.set(cv2.CAP_PROP_FRAME_WIDTH, width_px)
        video.set(cv2.CAP_PROP_FRAME_HEIGHT, height_px)
        video.set(cv2.CAP_PROP_FPS, fps)
        width, height = int(video.get(cv2.CAP_PROP_FRAME_WIDTH)), int(video.get(cv2.CAP_PROP_FRAME_HEIGHT))
        if (width, height) != (width_px, height_px):
            log.info("camera %s: delivers %dx%d instead of %dx%d", device, width, height, width_px, height_px)
        self.name = f"usb {device} {width}x{height}"

    def read(self) -> Image | None:
        """Wait for the next image, at most OpenCV's 10 seconds.

        Raises:
            CameraError: the camera stopped delivering.
        """
        pixels = read_video(self._video)
        if pixels is None:
            raise CameraError(f"camera {self.name}: stopped delivering frames; it is unplugged or hangs")
        return Image(time.monotonic(), pixels)

    def close(self) -> None:
        """Release the device."""
        self._video.release()


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
