"""The Pi's ribbon camera through picamera2, luma plane only."""

from __future__ import annotations

import logging
import time
from concurrent.futures import TimeoutError as NoFrameError
from typing import Any

from edge.camera.luma import as_luma
from edge.errors import CameraError
from edge.records import Image, Pixels

log = logging.getLogger(__name__)

LUMA_FIRST = ("YUV420", "YVU420", "NV12", "NV21")
"""Formats whose buffer begins with the whole luma plane, one byte per pixel."""
FRAME_TIMEOUT_S = 5.0


class CsiCamera:
    """The first camera that libcamera lists. We never ran it on a real sensor; the tests show what it assumes.

    Size, format and row length (stride) are read back, since the pipeline handler may change what was asked for.
    """

    live = True

    def __init__(self, width_px: int, height_px: int, fps: float) -> None:
        """Configure and start the camera.

        Raises:
            CameraError: picamera2 or the camera is missing, the camera is in use, or has no luma plane to offer.
        """
        self._picamera = _first_camera()
        try:
            main = self._start(width_px, height_px, fps)
        except (RuntimeError, ValueError) as error:  # how picamera2 and libcamera report what they refuse
            self.close()
            wish = f"{width_px}x{height_px} at {fps:g} frames/s"
            raise CameraError(f"camera csi: cannot start with {wish} ({error})") from error
        if main["format"] not in LUMA_FIRST:
            self.close()
            raise CameraError(f"camera csi: delivers {main['format']}; expected one of {', '.join(LUMA_FIRST)}")
        (self._width, self._height), self._stride = main["size"], main["stride"]
        self.name = f"csi {self._width}x{self._height} {main['format']}"
        if main["size"] != (width_px, height_px):
            log.info("camera %s: instead of %dx%d", self.name, width_px, height_px)

    def _start(self, width_px: int, height_px: int, fps: float) -> dict[str, Any]:
        frame_us = round(1e6 / fps)
        wish = self._picamera.create_video_configuration(
            main={"size": (width_px, height_px), "format": "YUV420"},
            controls={"FrameDurationLimits": (frame_us, frame_us)},
        )
        self._picamera.configure(wish)
        self._picamera.start()
        main: dict[str, Any] = self._picamera.camera_configuration()["main"]
        return main

    def read(self) -> Image | None:
        """Wait for the next frame.

        Raises:
            CameraError: no frame within 5 seconds, or libcamera gave up.
        """
        try:
            request = self._picamera.capture_request(wait=False).get_result(timeout=FRAME_TIMEOUT_S)
            buffer = request.make_buffer("main")
            request.release()
        except NoFrameError as error:
            raise CameraError(f"camera {self.name}: no frame for {FRAME_TIMEOUT_S:g} s; is its cable loose?") from error
        except RuntimeError as error:
            raise CameraError(f"camera {self.name}: stopped delivering frames ({error})") from error
        return Image(time.monotonic(), self._luma(buffer))

    def _luma(self, buffer: Pixels) -> Pixels:
        """The luma plane of a flat buffer, without the padding at the end of each row."""
        plane = buffer[: self._stride * self._height].reshape(self._height, self._stride)
        return as_luma(plane[:, : self._width])

    def close(self) -> None:
        """Stop the sensor and release it."""
        try:
            self._picamera.close()
        except RuntimeError as error:  # a broken camera cannot even be released; why it broke must not be lost
            log.warning("camera csi: cannot be closed (%s)", error)


def _first_camera() -> Any:
    """An open ``Picamera2``.

    Raises:
        CameraError: the library is missing, sees no camera, or the camera is in use.
    """
    try:
        from picamera2 import Picamera2
    except (ImportError, ValueError) as error:  # ValueError: built against another numpy
        raise CameraError(
            f"camera csi: picamera2 cannot be imported ({error}); it needs libcamera, which is not on PyPI: "
            "sudo apt install python3-picamera2, and make the venv with --system-site-packages"
        ) from error
    if not Picamera2.global_camera_info():
        raise CameraError("camera csi: libcamera finds no camera; check its cable and rpicam-hello --list-cameras")
    try:
        return Picamera2()
    except (RuntimeError, IndexError) as error:
        raise CameraError(f"camera csi: cannot be opened ({error}); another program may be using it") from error
