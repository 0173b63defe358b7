"""A network camera over RTSP, through FFmpeg."""

from __future__ import annotations

import time
from typing import Literal

import cv2

from edge.camera.address import Address
from edge.camera.pace import Pace
from edge.camera.request import Login, request
from edge.camera.video import Video, open_video
from edge.errors import CameraError
from edge.records import Image

Transport = Literal["auto", "tcp", "udp"]

# FFmpeg uses no other protocol, and does not wait for 20 images to find out the rate.
_OPTIONS = "protocol_whitelist;rtsp,rtp,srtp,udp,tcp,tls,crypto|fpsprobesize;0"
_TRANSPORTS = {"auto": "rtsp_flags;prefer_tcp", "tcp": "rtsp_transport;tcp", "udp": "rtsp_transport;udp"}
_ANALYSIS_S = 5.0
"""How much video FFmpeg looks at before it begins, or up to three images of a slower one."""


class RtspCamera:
    """The camera at ``address``, at most ``fps`` images a second; ``auto`` takes TCP where the camera offers it.

    FFmpeg buffers nothing and decodes in one thread, which would hold back an image for each further one. A reader
    without pauses, such as ``Capture``, is only as late as the camera.
    """

    live = True

    def __init__(self, address: Address, *, transport: Transport, fps: float, stall_s: float) -> None:
        """Connect.

        Raises:
            CameraError: with the reason for which there is no video.
        """
        self.name = f"stream {address}"
        self.bad_frames = 0
        self._stall_s, self._pace = stall_s, Pace(fps)
        self._video = self._open(address, transport)

    def _open(self, address: Address, transport: Transport) -> Video:
        patience_ms = round(1000 * (3 * self._stall_s + _ANALYSIS_S))
        parameters = (
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
            patience_ms,
            cv2.CAP_PROP_READ_TIMEOUT_MSEC,
            round(1000 * self._stall_s),
            cv2.CAP_PROP_N_THREADS,
            1,
        )
        options: str | None = f"{_TRANSPORTS[transport]}|{_OPTIONS}|timeout;{round(1e6 * self._stall_s)}"
        if transport == "udp" and cv2.__version__.startswith("4.11"):
            options = None  # it tries UDP first unless there are options, and reads none of them
        video = open_video(address.with_login, cv2.CAP_FFMPEG, parameters, options)
        if video is None:
            raise CameraError(f"camera {self.name}: {self._reason(address, transport)}")
        return video

    def _reason(self, address: Address, transport: Transport) -> str:
        """Why FFmpeg failed: OpenCV does not tell, so the camera is asked."""
        try:
            request(address, Login(address), time.monotonic() + self._stall_s).close()
        except TimeoutError:
            return f"connects, but did not answer for {self._stall_s:g} s"
        except CameraError as error:
            return str(error)
        return f"answers, but sends no video (camera.transport {transport}); expected H.264, H.265 or JPEG"

    def read(self) -> Image | None:
        """Wait for the next image.

        Raises:
            CameraError: the stream ended, or no image came for ``stall_s``.
        """
        while True:
            asked_s = time.monotonic()
            grabbed = self._video.grab()
            now_s = time.monotonic()
            # After a time-out FFmpeg still returns the frames that its decoder held back: too old to use.
            if now_s - asked_s >= self._stall_s:
                raise CameraError(
                    f"camera {self.name}: sent no image for {self._stall_s:g} s (camera.stall_s is the longest pause)"
                )
            if not grabbed:
                raise CameraError(f"camera {self.name}: hung up")
            if not self._pace.due(now_s):
                continue
            pixels = self._video.retrieve()
            if pixels is not None:
                return Image(now_s, pixels)
            self.bad_frames += 1

    def close(self) -> None:
        """Disconnect."""
        self._video.close()
