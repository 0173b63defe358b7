"""Any picture OpenCV hands over -> luma of a bounded size; the one way in for video, pictures and streams."""

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
"""Longer sides are reduced: a detector looks at far less, and a frame stays below 4 MB."""

MAX_VIDEO_MP = 16
"""Megapixels of a video's frame; decoding one takes 10 bytes a pixel (seen with MJPEG), and a Pi has none to spare."""


def as_luma(picture: MatLike) -> Pixels:
    """Grey uint8 (height, width), C-contiguous, of a BGR or grey ``picture``.

    Reduced by area where a side is longer than ``MAX_SIDE_PX``.
    """
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY) if picture.ndim == 3 else picture
    height, width = grey.shape
    scale = MAX_SIDE_PX / max(height, width)
    if scale < 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(grey, dtype=np.uint8)


def open_video(source: str | int, backend: int, parameters: Sequence[int] = ()) -> cv2.VideoCapture | None:
    """Open a video source, or None where OpenCV cannot. ``parameters`` are its keys and values in turn.

    Raises:
        CameraError: the source announces frames that are too large. Should they grow later, OpenCV goes on to hand over
            pictures of the announced size.
    """
    _quieten_opencv()
    video = cv2.VideoCapture(source, backend, tuple(parameters))
    if not video.isOpened():
        video.release()
        return None
    width, height = video.get(cv2.CAP_PROP_FRAME_WIDTH), video.get(cv2.CAP_PROP_FRAME_HEIGHT)
    if width * height > MAX_VIDEO_MP * 10**6:
        video.release()
        raise CameraError(f"video of {width:.0f}x{height:.0f} pixels; accepted are at most {MAX_VIDEO_MP} megapixels")
    return video


def read_video(video: cv2.VideoCapture) -> Pixels | None:
    """The next picture of an open video, or None at its end, on a time-out and on anything undecodable."""
    try:
        ok, picture = video.read()
    except cv2.error:  # a picture too large to convert
        return None
    return as_luma(picture) if ok else None


def read_picture(path: str) -> Pixels | None:
    """A picture file's first frame, 8 bits however many it holds, or None where OpenCV cannot decode it."""
    _quieten_opencv()
    try:
        picture = None if _harms_opencv(Path(path)) else cv2.imread(path, cv2.IMREAD_GRAYSCALE)
    except (cv2.error, OSError):  # more pixels than the package allows OpenCV; no file any more
        return None
    return None if picture is None else as_luma(picture)


def _harms_opencv(path: Path) -> bool:
    """Whether this is a PNG with a chunk longer than the file, or an animated PNG or WebP.

    For a chunk OpenCV makes room before it reads it, 2 GB at the word of 80 bytes (seen with 4.11 and 4.13). A damaged
    animation crashes OpenCV 4.11, the newest for Bookworm's numpy (opencv/opencv#27456, #27744); without that version
    the two lines on animations may go.
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
    """OpenCV and its FFmpeg tell stderr about every bad file, an address with its password included.

    The caller says it in one sentence instead. libjpeg's own ``Premature end of JPEG file`` cannot be turned off.
    """
    set_level = getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel  # OpenCV 4.11, and 4.13
    set_level(0)
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET, read when FFmpeg is first used
