"""OpenCV's video sources: files and RTSP through FFmpeg, USB cameras through V4L2."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge.camera.luma import as_luma, decode_jpeg, quieten_opencv
from edge.errors import CameraError
from edge.records import Pixels

if TYPE_CHECKING:
    from cv2.typing import MatLike

MAX_VIDEO_MP = 16
"""Megapixels of a video's frame; decoding one takes 10 bytes per pixel (seen with MJPEG), and a Pi has few."""
_JPEG = frozenset({cv2.VideoWriter.fourcc(*"MJPG"), cv2.VideoWriter.fourcc(*"JPEG")})
_FFMPEG_OPTIONS = "OPENCV_FFMPEG_CAPTURE_OPTIONS"


class Video:
    """An open video source: ``grab`` waits for the next image, ``retrieve`` converts it.

    Images stand upright and have square pixels, as the source's own flags say.
    """

    def __init__(self, capture: cv2.VideoCapture) -> None:
        self._capture = capture
        # OpenCV 4.11 leaves it off.
        capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
        numerator, denominator = capture.get(cv2.CAP_PROP_SAR_NUM), capture.get(cv2.CAP_PROP_SAR_DEN)
        stretch = numerator / denominator if numerator > 0 and denominator > 0 else 1.0
        if capture.get(cv2.CAP_PROP_ORIENTATION_META) % 180 == 90:
            stretch = 1 / stretch
        self._stretch = stretch if 1 / 8 <= stretch <= 8 else 1.0
        self._jpeg = self._whole = False

    def take_jpeg(self) -> None:
        """Have V4L2 hand over JPEGs as they come, if the camera sends them: OpenCV would decode their colours too."""
        if self._capture.get(cv2.CAP_PROP_FOURCC) in _JPEG:
            self._jpeg = self._capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)

    def grab(self) -> bool:
        """Wait for the next image; whether there is one."""
        return self._capture.grab()

    def retrieve(self) -> Pixels | None:
        """The image that was grabbed; None if it cannot be decoded."""
        try:
            retrieved: tuple[bool, MatLike | None] = self._capture.retrieve()
        except cv2.error:  # an image too large to convert
            return None
        ok, image = retrieved
        if not ok or image is None or not image.size:  # None for an empty JPEG that is not to be converted
            return None
        if not self._jpeg:
            return as_luma(image, self._stretch)
        pixels = decode_jpeg(np.asarray(image, np.uint8))
        if pixels is not None:
            self._whole = True
        elif not self._whole:  # a camera that leaves out the end of its images, which OpenCV overlooks when it converts
            self._jpeg = not self._capture.set(cv2.CAP_PROP_CONVERT_RGB, 1)
        return pixels

    def get(self, key: int) -> float:
        """One of OpenCV's properties; 0 for those the source does not know."""
        return float(self._capture.get(key))

    def set(self, key: int, value: float) -> None:
        """Wish for a property; the source may ignore it."""
        self._capture.set(key, value)

    def close(self) -> None:
        """Release the source."""
        self._capture.release()


def open_video(
    source: str | int, backend: int, parameters: Sequence[int] = (), options: str | None = None
) -> Video | None:
    """Open a video source; None if OpenCV cannot.

    ``parameters`` are OpenCV's keys and values in turn, ``options`` FFmpeg's, as ``key;value|key;value``. The wheel of
    OpenCV 4.11 for Linux does not read ``options``, only whether there are any: then it prefers TCP
    (opencv/opencv#26793).

    Raises:
        CameraError: the source announces frames that are too large. If they grow later, OpenCV still returns images of
            the announced size.
    """
    quieten_opencv()
    if options is not None:
        os.environ[_FFMPEG_OPTIONS] = options
    try:
        capture = cv2.VideoCapture(source, backend, tuple(parameters))
    finally:
        os.environ.pop(_FFMPEG_OPTIONS, None)  # the next source in this process has options of its own
    if not capture.isOpened():
        capture.release()
        return None
    width, height = capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
    if width * height > MAX_VIDEO_MP * 10**6:
        capture.release()
        raise CameraError(f"video of {width:.0f}x{height:.0f} pixels; expected at most {MAX_VIDEO_MP} megapixels")
    return Video(capture)
