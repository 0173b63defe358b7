"""A network camera: RTSP, or MJPEG and the like over HTTP."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

import cv2

from edge.camera.luma import open_video, read_video
from edge.errors import CameraError
from edge.records import Image

SCHEMES = ("rtsp", "rtsps", "http", "https")
TIMEOUT_S = 5.0
"""For connecting, and again for every frame."""


class StreamCamera:
    """The video at ``url``. RTSP runs over TCP, which OpenCV requests by itself if the camera offers it.

    Nothing is buffered here: a reader without pauses, such as ``Capture``, is only as late as the camera.
    Names and errors contain scheme, host and port of the address only; cameras take passwords in every other part.
    """

    live = True

    def __init__(self, url: str) -> None:
        """Connect.

        Raises:
            CameraError: the address is malformed, or no video came from it in time.
        """
        self.name = f"stream {_public_address(url)}"
        timeout_ms = round(TIMEOUT_S * 1000)
        timeouts = (cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, timeout_ms, cv2.CAP_PROP_READ_TIMEOUT_MSEC, timeout_ms)
        video = open_video(url, cv2.CAP_FFMPEG, timeouts)
        if video is None:
            raise CameraError(f"camera {self.name}: sends no video; is it on, are address and password right?")
        self._video = video

    def read(self) -> Image | None:
        """Wait for the next image.

        Raises:
            CameraError: the stream ended, or no frame came in time.
        """
        asked_s = time.monotonic()
        pixels = read_video(self._video)
        now_s = time.monotonic()
        # After a time-out FFmpeg still returns the frames that its decoder held back: too old to use.
        if pixels is None or now_s - asked_s > TIMEOUT_S:
            raise CameraError(f"camera {self.name}: hung up, or sent nothing for {TIMEOUT_S:g} s")
        return Image(now_s, pixels)

    def close(self) -> None:
        """Disconnect."""
        self._video.release()


def _public_address(url: str) -> str:
    """``url`` without user, password, path and query.

    Raises:
        CameraError: it is not the address of a camera; the message does not repeat it.
    """
    expected = f"expected {'://, '.join(SCHEMES)}:// and a host, with / @ # ? in user and password as %2F %40 %23 %3F"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise CameraError(f"camera stream: the address is malformed; {expected}") from None
    misplaced_password = "@" in parts.path + parts.query + parts.fragment
    if parts.scheme not in SCHEMES or not host or misplaced_password:
        raise CameraError(f"camera stream: the address is not usable; {expected}")
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}:{port}" if port else f"{parts.scheme}://{host}"
