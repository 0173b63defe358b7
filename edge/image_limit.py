"""What is said of an image that has more pixels than are decoded, on the device and on the workstation."""

from __future__ import annotations

from typing import IO

import cv2

from edge import MAX_IMAGE_PIXELS

FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""The markers of a JPEG behind which its size stands."""
PNG_START = b"\x89PNG\r\n\x1a\n"


def too_large(error: cv2.error, file: IO[bytes]) -> str:
    """What to say of an image ``file`` that OpenCV refused with ``error``; empty if it is not too large.

    JPEGs and PNGs are told with the size that their header announces.
    """
    if "CV_IO_MAX_IMAGE" not in str(error):
        return ""
    size = _announced_px(file)
    told = " ({}x{} pixels)".format(*size) if size else ""
    return f"is too large{told}; make it smaller, at most {MAX_IMAGE_PIXELS / 10**6:g} megapixels are read"


def _announced_px(file: IO[bytes]) -> tuple[int, int] | None:
    head = file.read(24)
    if head.startswith(PNG_START):
        return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
    at = 2
    while head.startswith(b"\xff") and len(head) > 8:
        file.seek(at)
        head = file.read(9)
        if head[1] in FRAME_HEADERS:
            return int.from_bytes(head[7:9], "big"), int.from_bytes(head[5:7], "big")
        at += 2 + int.from_bytes(head[2:4], "big")
    return None
