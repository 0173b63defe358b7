"""A camera with every image changed before anything looks at it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from edge.camera import Camera
from edge.records import Image, Pixels


class ChangedCamera:
    """``camera``, with ``change`` made to the pixels of every image."""

    def __init__(self, camera: Camera, change: Callable[[Pixels], Pixels]) -> None:
        self._camera, self._change = camera, change
        self.name, self.live = camera.name, camera.live

    @property
    def bad_frames(self) -> int:
        """Those of the camera."""
        return self._camera.bad_frames

    def read(self) -> Image | None:
        """The next image, changed."""
        image = self._camera.read()
        return image and replace(image, pixels=self._change(image.pixels))

    def close(self) -> None:
        """Release the camera."""
        self._camera.close()
