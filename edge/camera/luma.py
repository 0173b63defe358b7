"""Images of any source -> luma of a bounded size; every file, video and network image comes in here."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge.errors import CameraError
from edge.image_limit import PNG_START, too_large
from edge.records import Pixels

if TYPE_CHECKING:
    from cv2.typing import MatLike

JPEG_SUFFIXES = frozenset({".jfif", ".jpe", ".jpeg", ".jpg"})
MAX_SIDE_PX = 1920
"""Longer sides are reduced: a detector works on far fewer pixels, and a frame stays below 4 MB."""

_GIF_FRAME = b"\x21\xf9\x04"
"""How the block begins that every picture of an animation has in front of it."""


def as_luma(image: MatLike, stretch: float = 1.0) -> Pixels:
    """Grey uint8 (height, width), C-contiguous, from a BGR or grey ``image``.

    ``stretch`` is width by height of one pixel: the shorter of its sides is made as long as the other. Reduced by area
    if a side is longer than ``MAX_SIDE_PX``.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) if image.ndim == 3 else image
    height, width = grey.shape
    wide, high = width * max(stretch, 1.0), height * max(1 / stretch, 1.0)
    scale = min(1.0, MAX_SIDE_PX / max(wide, high))
    size = max(1, round(wide * scale)), max(1, round(high * scale))
    if size != (width, height):
        smaller = size[0] <= width and size[1] <= height
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
    return np.ascontiguousarray(grey, dtype=np.uint8)


def decode_jpeg(jpeg: bytes | Pixels) -> Pixels | None:
    """The luma of a whole JPEG, without its colours being decoded; None if OpenCV cannot decode it."""
    quieten_opencv()
    try:
        image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    except cv2.error:  # more pixels than edge/__init__.py allows
        return None
    return None if image is None else as_luma(image)


def read_image(path: Path) -> Pixels:
    """The first frame of an image file, in 8 bits.

    Raises:
        CameraError: it cannot be decoded; the message says why, and not which file.
    """
    quieten_opencv()
    image, why = None, "is not a readable image"
    try:
        if not _harms_opencv(path):
            with readable_name(path) as name:
                image = cv2.imread(name, cv2.IMREAD_GRAYSCALE)
    except cv2.error as error:
        with path.open("rb") as file:
            why = too_large(error, file) or why
    except OSError:  # the file is gone
        pass
    if image is None:
        raise CameraError(why)
    return as_luma(image)


def shortcoming(path: Path) -> str:
    """What a picture made of this file lacks, although ``read_image`` reads it; empty if nothing is known."""
    suffix = path.suffix.lower()
    try:
        content = path.read_bytes() if suffix == ".gif" or suffix in JPEG_SUFFIXES else b""
    except OSError:
        return ""
    # Compressed data holds neither marker, and a thumbnail comes before it: whole is what ends behind its last scan.
    if content.startswith(b"\xff\xd8") and content.rfind(b"\xff\xd9") < content.rfind(b"\xff\xda"):
        return "is cut off, and what is missing is shown grey"
    if content.startswith(b"GIF8") and content.count(_GIF_FRAME) > 1:
        return "is animated, of which a folder shows the first picture; name the file itself to play it"
    return ""


@contextmanager
def readable_name(path: Path) -> Iterator[str]:
    """A name of the file that OpenCV and FFmpeg take as it is, while it is open here.

    A name that is not UTF-8 crashes OpenCV, and both read a % as the number of an image.
    """
    name = str(path)
    if name == shown_name(path) and "%" not in name:
        yield name
        return
    with path.open("rb") as file:
        yield f"/proc/self/fd/{file.fileno()}"


def shown_name(path: Path) -> str:
    """The name as text, whatever bytes it has on the disk."""
    return os.fsencode(path).decode("utf-8", "replace")


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
        if head[:8] != PNG_START:
            return False
        left = path.stat().st_size - file.seek(8)
        while left > 0:
            length, kind = int.from_bytes(file.read(4), "big") + 12, file.read(4)
            if length > left or kind == b"acTL":
                return True
            file.seek(length - 8, os.SEEK_CUR)
            left -= length
    return False


def quieten_opencv() -> None:
    """Keep OpenCV and its FFmpeg from writing every bad file to stderr, addresses with passwords included.

    The caller reports it in one sentence instead. What libjpeg says of a damaged image cannot be turned off here;
    ``edge.streams`` keeps that out of the journal.
    """
    set_level = getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel  # OpenCV 4.11, and 4.13
    set_level(0)
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET, read when FFmpeg is first used
