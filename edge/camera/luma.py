"""OpenCV's images -> luma of a bounded size; every video, image file and stream comes in here."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge.errors import CameraError
from edge.records import Pixels

if TYPE_CHECKING:
    from cv2.typing import MatLike

MAX_SIDE_PX = 1920
"""Longer sides are reduced: a detector works on far fewer pixels, and a frame stays below 4 MB."""

MAX_VIDEO_MP = 16
"""Megapixels of a video's frame; decoding one takes 10 bytes per pixel (seen with MJPEG), and a Pi has few."""


def as_luma(image: MatLike) -> Pixels:
    """Grey uint8 (height, width), C-contiguous, from a BGR or grey ``image``.

    Reduced by area if a side is longer than ``MAX_SIDE_PX``.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) if image.ndim == 3 else image
    height, width = grey.shape
    scale = MAX_SIDE_PX / max(height, width)
    if scale < 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(grey, dtype=np.uint8)


def open_video(source: str | int, backend: int, parameters: Sequence[int] = ()) -> cv2.VideoCapture | None:
    """Open a video source; None if OpenCV cannot. ``parameters`` are its keys and values in turn.

    Raises:
        CameraError: the source announces frames that are too large. If they grow later, OpenCV still returns images of
            the announced size.
    """
    _quieten_opencv()
    video = cv2.VideoCapture(source, backend, tuple(parameters))
    if not video.isOpened():
        video.release()
        return None
    width, height = video.get(cv2.CAP_PROP_FRAME_WIDTH), video.get(cv2.CAP_PROP_FRAME_HEIGHT)
    if width * height > MAX_VIDEO_MP * 10**6:
        video.release()
        raise CameraError(f"video of {width:.0f}x{height:.0f} pixels; expected at most {MAX_VIDEO_MP} megapixels")
    return video


def read_video(video: cv2.VideoCapture) -> Pixels | None:
    """The next image of an open video; None at its end, after a time-out and for anything undecodable."""
    try:
        ok, image = video.read()
    except cv2.error:  # an image too large to convert
        return None
    return as_luma(image) if ok else None


def read_image(path: str) -> Pixels | None:
    """The first frame of an image file, in 8 bits; None if OpenCV cannot decode it."""
    _quieten_opencv()
    try:
        image = None if _harms_opencv(Path(path)) else cv2.imread(path, cv2.IMREAD_GRAYSCALE)
    except (cv2.error, OSError):  # more pixels than edge/__init__.py allows; the file is gone
        return None
    return None if image is None else as_luma(image)


def _harms_opencv(path: Path) -> bool:
    """Whether this is a PNG with a chunk longer than the file, or an animated PNG or WebP.

    OpenCV allocates a chunk before it reads it: a file of 80 bytes can claim 2 GB (seen with 4.11 and 4.13). A damaged
    animation crashes OpenCV 4.11, the newest for Bookworm's numpy (opencv/opencv#27456, #27744); the two lines on
    animations can go when that version does.
    """
    with path.open("rb") as file:
        head = file.read(21)
        if head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X":
            return bool(head[20:] and head[20] & 2)
        if head[:8] != b"\x89PNG\r\n\x1a\n":
            return False
        left = path.stat().st_size - file.seek(8)
        while left > 0:
            length, kind = int.from_bytes(file.read(4), "big") + 12, file.read(4)
            if length > left or kind == b"acTL":
                return True
            file.seek(length - 8, os.SEEK_CUR)
            left -= length
    return False


def _quieten_opencv() -> None:
    """Keep OpenCV and its FFmpeg from writing every bad file to stderr, addresses with passwords included.

    The caller reports it in one sentence instead. libjpeg's own ``Premature end of JPEG file`` cannot be turned off.
    """
    set_level = getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel  # OpenCV 4.11, and 4.13
    set_level(0)
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET, read when FFmpeg is first used
