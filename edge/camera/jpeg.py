"""A stream of bytes -> its JPEGs, whatever stands between them.

Cameras disagree about the boundaries and lengths of their multipart streams, while every JPEG says itself where it
ends. So the headers of the parts are not read at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from edge.errors import CameraError
from edge.image_limit import FRAME_HEADERS

MAX_JPEG_BYTES = 8 * 2**20
MAX_BETWEEN_BYTES = 64 * 1024
"""Headers and line ends between two images; more is not a stream of JPEGs."""
MAX_JPEG_MP = 16

_START = b"\xff\xd8\xff"
_MARKER_IN_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


class JpegReader:
    """Cuts JPEGs out of what ``read`` returns piece by piece; holds one image at most."""

    def __init__(self, read: Callable[[], bytes]) -> None:
        self._read = read
        self._buffer = bytearray()

    def next(self) -> bytes | None:
        """The next whole JPEG; None for one that is cut off or damaged in its structure.

        Raises:
            EOFError: the stream is over.
            CameraError: this is no stream of JPEGs, or one is too large.
        """
        self._find_start()
        at = 2
        try:
            while (found := self._segment(at)) is not None:
                at, end = found
                if end:
                    image = bytes(self._buffer[:at])
                    del self._buffer[:at]
                    return image
        except EOFError:
            self._buffer.clear()
            return None
        del self._buffer[:2]  # what follows may begin an image
        return None

    def _find_start(self) -> None:
        skipped = 0
        while (start := self._buffer.find(_START)) < 0:
            drop = max(0, len(self._buffer) - 2)
            skipped += drop
            del self._buffer[:drop]
            if skipped > MAX_BETWEEN_BYTES:
                raise CameraError("sends no JPEG images; expected MJPEG or a JPEG")
            self._grow()
        del self._buffer[:start]

    def _segment(self, at: int) -> tuple[int, bool] | None:
        """Where the segment at ``at`` ends, with its compressed data, and whether the image does; None if damaged."""
        self._need(at + 2)
        if self._buffer[at] != 0xFF:
            return None
        marker = self._buffer[at + 1]
        if marker == 0xD9:
            return at + 2, True
        if marker == 0xFF:
            return at + 1, False
        if marker == 0x01 or 0xD0 <= marker <= 0xD7:
            return at + 2, False
        if marker in (0x00, 0xD8):
            return None
        self._need(at + 9)
        length = int.from_bytes(self._buffer[at + 2 : at + 4], "big")
        if length < 2:
            return None
        if marker in FRAME_HEADERS:
            height, width = (int.from_bytes(self._buffer[at + i : at + i + 2], "big") for i in (5, 7))
            if width * height > MAX_JPEG_MP * 10**6:
                raise CameraError(f"sends images of {width}x{height}; expected at most {MAX_JPEG_MP} megapixels")
        begin, at = at, at + 2 + length
        self._need(at + 2)
        # Only application data and comments may hold another image, a thumbnail.
        if not (0xE0 <= marker <= 0xEF or marker == 0xFE) and self._buffer.find(_START, begin, at + 2) >= 0:
            return None
        return (at, False) if marker != 0xDA else (self._scan_end(at), False)

    def _scan_end(self, at: int) -> int:
        """Where the next marker stands behind the compressed data that begins at ``at``."""
        while (found := _MARKER_IN_SCAN.search(self._buffer, at)) is None:
            at = max(at, len(self._buffer) - 1)
            self._grow()
        return found.start()

    def _need(self, length: int) -> None:
        while len(self._buffer) < length:
            self._grow()

    def _grow(self) -> None:
        if len(self._buffer) > MAX_JPEG_BYTES:
            raise CameraError(f"sends an image of more than {MAX_JPEG_BYTES // 2**20} MB")
        piece = self._read()
        if not piece:
            raise EOFError
        self._buffer += piece
