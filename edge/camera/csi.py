"""The Pi's ribbon camera through picamera2, luma plane only."""

from __future__ import annotations

import logging
import time
from concurrent.futures import TimeoutError as NoFrameError
from typing import Any

from edge.camera.luma import as_luma
from edge.camera.pace import Pace
from edge.errors import CameraError, ConfigError
from edge.records import Image, Pixels

log = logging.getLogger(__name__)

LUMA_FIRST = ("YUV420", "YVU420", "NV12", "NV21")
"""Formats whose buffer begins with the whole luma plane, one byte per pixel."""


class CsiCamera:
    """The first camera that libcamera lists. We never ran it on a real sensor; the tests show what it assumes.

    Size, format and row length (stride) are read back, since the pipeline handler may change what was asked for; of a
    higher rate only ``fps`` images a second are copied. ``hflip`` and ``vflip`` mirror the image, which costs the
    sensor nothing; both together turn it by 180 degrees.
    """

    live = True
    bad_frames = 0

    def __init__(
        self,
        width_px: int,
        height_px: int,
        *,
        fps: float,
        stall_s: float,
        hflip: bool = False,
        vflip: bool = False,
    ) -> None:
        """Configure and start the camera.

        Raises:
            ConfigError: picamera2 is missing.
            CameraError: the camera is missing, in use, or has no luma plane to offer.
        """
        self._stall_s, self._pace = stall_s, Pace(fps)
        self._picamera = _first_camera()
        try:
            main = self._start(width_px, height_px, fps, hflip=hflip, vflip=vflip)
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

    def _start(self, width_px: int, height_px: int, fps: float, *, hflip: bool, vflip: bool) -> dict[str, Any]:
        from libcamera import Transform

        frame_us = round(1e6 / fps)
        wish = self._picamera.create_video_configuration(
            main={"size": (width_px, height_px), "format": "YUV420"},
            transform=Transform(hflip=hflip, vflip=vflip),
            controls={"FrameDurationLimits": (frame_us, frame_us)},
        )
        self._picamera.configure(wish)
        self._picamera.start()
        main: dict[str, Any] = self._picamera.camera_configuration()["main"]
        return main

    def read(self) -> Image | None:
        """Wait for the next frame.

        Raises:
            CameraError: no frame for ``stall_s``, or libcamera gave up.
        """
        try:
            while True:
                request = self._picamera.capture_request(wait=False).get_result(timeout=self._stall_s)
                now_s = time.monotonic()
                buffer = request.make_buffer("main") if self._pace.due(now_s) else None
                request.release()
                if buffer is not None:
                    return Image(now_s, self._luma(buffer))
        except NoFrameError as error:
            raise CameraError(f"camera {self.name}: no frame for {self._stall_s:g} s; is its cable loose?") from error
        except RuntimeError as error:
            raise CameraError(f"camera {self.name}: stopped delivering frames ({error})") from error

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


def list_cameras() -> tuple[str, ...]:
    """Models of the ribbon cameras that libcamera finds, such as ``imx708``; none where picamera2 is missing."""
    try:
        from picamera2 import Picamera2
    except (ImportError, ValueError):
        return ()
    # libcamera lists USB cameras too; their ids name the bus.
    return tuple(camera["Model"] for camera in Picamera2.global_camera_info() if "usb" not in camera["Id"].lower())


def _first_camera() -> Any:
    """An open ``Picamera2``.

    Raises:
        ConfigError: the library is missing, which no restart cures.
        CameraError: libcamera sees no camera, or the camera is in use.
    """
    try:
        from picamera2 import Picamera2
    except (ImportError, ValueError) as error:  # ValueError: built against another numpy
        raise ConfigError(
            f"camera csi: picamera2 cannot be imported ({error}); sudo apt install python3-picamera2, "
            "and in a virtual environment use --system-site-packages"
        ) from error
    if not Picamera2.global_camera_info():
        raise CameraError("camera csi: libcamera finds no camera; check its cable and rpicam-hello --list-cameras")
    try:
        return Picamera2()
    except (RuntimeError, IndexError) as error:
        raise CameraError(f"camera csi: cannot be opened ({error}); another program may be using it") from error
