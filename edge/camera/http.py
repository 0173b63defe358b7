"""A network camera over HTTP: an MJPEG stream, or an address that returns one JPEG at a time."""

from __future__ import annotations

import logging
import time

from edge.camera.address import Address
from edge.camera.jpeg import JpegReader
from edge.camera.luma import decode_jpeg
from edge.camera.pace import Pace
from edge.camera.request import Login, Reply, request
from edge.errors import CameraError
from edge.records import Image

log = logging.getLogger(__name__)


class HttpCamera:
    """The camera at ``address``, at most ``fps`` images a second; a still image is asked for as often.

    It never visits another host, follows no playlist, and holds one compressed image of at most 8 MB.
    """

    live = True

    def __init__(self, address: Address, *, fps: float, stall_s: float) -> None:
        """Connect and read the first image.

        Raises:
            CameraError: with the reason for which there is none within ``stall_s``.
        """
        self.name = f"stream {address}"
        self.bad_frames = 0
        self._address, self._stall_s = address, stall_s
        self._login, self._pace, self._period_s = Login(address), Pace(fps), 1 / fps
        self._reply: Reply | None = None
        self._still = False
        self._asked_s = time.monotonic()
        self._first: bytes | None = self._next(self._asked_s + stall_s)

    def read(self) -> Image | None:
        """Wait for the next image.

        Raises:
            CameraError: none came for ``stall_s``, or the stream ended.
        """
        waits_s = self._asked_s + self._period_s - time.monotonic() if self._still and self._first is None else 0.0
        deadline_s = time.monotonic() + self._stall_s + max(0.0, waits_s)
        while True:
            jpeg, self._first = self._first or self._next(deadline_s), None
            now_s = time.monotonic()
            if not self._pace.due(now_s):
                continue
            pixels = decode_jpeg(jpeg)
            if pixels is not None:
                return Image(now_s, pixels)
            self._count_bad()

    def close(self) -> None:
        """Disconnect."""
        if self._reply is not None:
            self._reply.close()

    def _next(self, deadline_s: float) -> bytes:
        """The next whole JPEG."""
        while True:
            try:
                jpeg = self._from_stream(deadline_s)
            except (CameraError, TimeoutError) as error:
                self._hang_up()
                if self._still and time.monotonic() < deadline_s:  # one failed request of many
                    self._count_bad()
                    continue
                silent = f"sent no image for {self._stall_s:g} s (camera.stall_s)"
                reason = silent if isinstance(error, TimeoutError) else str(error)
                raise CameraError(f"camera {self.name}: {reason}") from error
            if jpeg is not None:
                return jpeg
            self._count_bad()

    def _from_stream(self, deadline_s: float) -> bytes | None:
        """One JPEG, or None for a damaged one."""
        if self._reply is None:
            if self._still:
                time.sleep(max(0.0, self._asked_s + self._period_s - time.monotonic()))
            self._asked_s = time.monotonic()
            self._reply = request(self._address, self._login, deadline_s)
            self._jpegs, self._delivered = JpegReader(self._reply.read), False
        self._reply.deadline_s = deadline_s
        kind = self._reply.header("content-type").lower()
        try:
            jpeg = self._jpegs.next()
        except EOFError:
            if not self._delivered:
                raise CameraError(f"sends {_shown(kind)} without a JPEG; expected MJPEG or a JPEG") from None
            if kind.startswith("multipart/"):
                raise CameraError("hung up") from None
            self._still = True  # it ended after its image without having said that it would
            self._hang_up()
            return self._from_stream(deadline_s)
        self._delivered = True
        if kind.startswith("image/"):
            self._still = True
            self._hang_up()
        return jpeg

    def _hang_up(self) -> None:
        self.close()
        self._reply = None

    def _count_bad(self) -> None:
        self.bad_frames += 1
        if self.bad_frames == 1:
            log.warning("camera %s: skips damaged images; status counts them as bad_frames", self.name)


def _shown(kind: str) -> str:
    return kind[:60] if kind and kind.isprintable() else "something"
