"""A camera that does what a test tells it."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterable

import numpy as np

from edge.records import Image, Pixels


def picture(level: int, size_px: tuple[int, int] = (6, 4)) -> Pixels:
    """A picture of one grey ``level``; ``size_px`` is width and height."""
    width_px, height_px = size_px
    return np.full((height_px, width_px), level, np.uint8)


class ScriptedCamera:
    """Shows the pictures of a script, raises its errors, ends at None, and is silent after its last item.

    An item of the script is the grey level of a picture, an error, or None. Images are stamped with the real clock, or
    ``interval_s`` apart from each other, whichever time passes.
    """

    name = "scripted"
    bad_frames = 0

    def __init__(
        self,
        script: Iterable[int | Exception | None],
        *,
        live: bool = True,
        size_px: tuple[int, int] = (6, 4),
        interval_s: float | None = None,
    ) -> None:
        self.live = live
        self.exhausted, self.released = threading.Event(), threading.Event()
        """``exhausted`` is set when the script has ended; a silent camera blocks until a test sets ``released``."""
        self.closed = False
        self._script, self._count = iter(script), itertools.count(1)
        self._size_px, self._interval_s = size_px, interval_s

    def read(self) -> Image | None:
        for item in self._script:
            if isinstance(item, Exception):
                raise item
            return None if item is None else self._image(item)
        self.exhausted.set()
        self.released.wait()
        return None

    def close(self) -> None:
        self.closed = True

    def _image(self, level: int) -> Image:
        time_s = time.monotonic() if self._interval_s is None else next(self._count) * self._interval_s
        return Image(time_s, picture(level, self._size_px))


class StillCamera(ScriptedCamera):
    """Shows one image for ever, a thousand times a second."""

    name = "still"

    def __init__(self, level: int = 7) -> None:
        super().__init__([])
        self._level = level

    def read(self) -> Image | None:
        self.released.wait(0.001)
        return self._image(self._level)
