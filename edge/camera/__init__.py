"""Cameras: everything that delivers grey images, behind one protocol.

``csi`` is the Pi's ribbon camera (picamera2), ``usb`` a V4L2 device, ``rtsp`` and ``http`` are network cameras,
``replay`` is a video file or a folder of images. Each delivers at most the wished number of images a second, and skips
and counts damaged ones. ``turn`` turns images upright; ``capture`` reads any camera in a thread and numbers the frames.
"""

from __future__ import annotations

from typing import Protocol

from edge.records import Image


class Camera(Protocol):
    """An open camera. Used by one thread only."""

    @property
    def name(self) -> str:
        """What is read, for people: ``usb /dev/video0 640x480``. Never contains a password."""

    @property
    def live(self) -> bool:
        """True if images come at their own pace (the newest wins); False if the reader sets the pace."""

    @property
    def bad_frames(self) -> int:
        """Images that came damaged and were skipped, since it was opened."""

    def read(self) -> Image | None:
        """Wait for the next image; None at the end of a clip that is not looped.

        Raises:
            CameraError: the camera stopped delivering.
        """

    def close(self) -> None:
        """Release the camera. May be called twice."""
