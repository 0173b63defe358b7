"""The thread that reads the camera: the pipeline gets the newest frame, and a stalled camera is reopened."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from edge.camera import Camera
from edge.errors import CameraError
from edge.records import Frame, Image, Pixels

log = logging.getLogger(__name__)

T = TypeVar("T")

LONGEST_PAUSE_S = 8.0
STOP_TIMEOUT_S = 2.0


class Capture:
    """Numbered frames of one camera, read by a daemon thread from ``start`` to ``stop``.

    From a live camera ``next`` returns the newest frame; older ones that nobody took are lost, which leaves a gap in
    ``sequence``. If the camera is not live, the thread waits until each frame is taken.

    A live camera has *stalled* when no new image has come for ``stall_s``. The same image again is not a new one,
    unless ``may_freeze``: a recording may stand still. An error or a frozen image makes the thread reopen the camera,
    after a jittered pause that doubles from ``pause_s``; after ``max_reopens`` failures in a row ``next`` raises. If
    the image is still the same after reopening, the scene itself is still (a covered lens), and ``frozen`` says so.

    A call into the camera that never returns cannot be interrupted. After twice ``stall_s`` ``next`` raises, so that
    the service ends and a new process takes over.

    All times are on the monotonic clock.

    Attributes:
        name: of the camera.
        live: of the camera.
        captured: frames read so far; goes on counting when the camera is reopened.
        reopens: how often the camera was reopened.
        stalls: how often it stalled.
        stalled: whether it is stalled now.
        frozen: whether it delivers the same image again and again now.
    """

    def __init__(
        self,
        open_camera: Callable[[], Camera],
        *,
        stall_s: float = 5.0,
        may_freeze: bool = False,
        max_reopens: int = 5,
        pause_s: float = 0.5,
    ) -> None:
        self._open_camera, self._stall_s, self._may_freeze = open_camera, stall_s, may_freeze
        self._max_reopens, self._pause_s = max_reopens, pause_s
        self.name, self.live = "camera", True
        self.captured = self.reopens = self.stalls = 0
        self.stalled = self.frozen = False
        self._camera: Camera | None = None
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._stop = threading.Event()
        self._changed = threading.Condition()
        self._frame: Frame | None = None
        self._over = False
        self._error: CameraError | None = None
        self._call_began_s: float | None = None
        self._new_at_s = 0.0
        self._last_pixels: Pixels | None = None
        self._suspected = False

    def start(self) -> None:
        """Open the camera and begin to read it.

        Raises:
            CameraError: it cannot be opened. The first attempt is not repeated: somebody is watching.
        """
        self._camera = self._open_camera()
        self.name, self.live = self._camera.name, self._camera.live
        self._new_at_s = time.monotonic()
        self._thread.start()

    def next(self, timeout_s: float) -> Frame | None:
        """Wait for a frame that nobody has taken yet; None after ``timeout_s``, and once ``ended``.

        Raises:
            CameraError: the camera failed for good.
        """
        deadline_s = time.monotonic() + timeout_s
        with self._changed:
            while True:
                self._count_stall()
                if self._frame is not None:
                    frame, self._frame = self._frame, None
                    self._changed.notify_all()
                    return frame
                if self._error is not None:
                    raise self._error
                remaining_s = deadline_s - time.monotonic()
                if self._over or remaining_s <= 0:
                    return None
                self._raise_if_blocked()
                self._changed.wait(min(remaining_s, self._stall_s / 4))

    @property
    def ended(self) -> bool:
        """True once the clip is over and its last frame was taken."""
        with self._changed:
            return self._over and self._error is None and self._frame is None

    @property
    def last_frame_age_s(self) -> float:
        """Seconds since the last new image, or since ``start``."""
        return time.monotonic() - self._new_at_s

    def stop(self) -> None:
        """Stop reading and close the camera; gives up on a camera that blocks for 2 seconds."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(STOP_TIMEOUT_S)

    def _count_stall(self) -> None:
        if self.live and not self.stalled and not self._over and self.last_frame_age_s > self._stall_s:
            self.stalled = True
            self.stalls += 1
            log.warning("camera %s: no new image for %.1f s", self.name, self.last_frame_age_s)

    def _raise_if_blocked(self) -> None:
        since_s = self._call_began_s
        if since_s is not None and time.monotonic() - since_s > 2 * self._stall_s:
            raise CameraError(f"camera {self.name}: blocks for {2 * self._stall_s:g} s, only a restart can free it")

    # The rest runs in the capture thread.

    def _run(self) -> None:
        outcome: CameraError | None = CameraError(f"camera {self.name}: its thread died; the log says why")
        try:
            outcome = self._read_until_error()
            self._close()
        finally:
            with self._changed:
                self._over, self._error = True, outcome
                self._changed.notify_all()

    def _read_until_error(self) -> CameraError | None:
        """Read until the end (None), ``stop`` (None) or an error that reopening does not cure."""
        failures = 0
        while not self._stop.is_set():
            try:
                image = self._next_image()
            except CameraError as error:
                failures += 1
                if not self.live or failures > self._max_reopens:
                    return error
                log.warning("%s; reopening it (%d of %d)", error, failures, self._max_reopens)
                self._close()
                pause_s = min(self._pause_s * 2 ** (failures - 1), LONGEST_PAUSE_S)
                self._stop.wait(pause_s * random.uniform(0.5, 1))
            else:
                if image is None:
                    return None
                failures = 0
                self._deliver(image)
        return None

    def _next_image(self) -> Image | None:
        if self._camera is None:
            self._camera = self._call(self._open_camera)
            self.reopens += 1
            log.info("camera %s: reopened", self.name)
            if not self._suspected:
                self._last_pixels = None
        image = self._call(self._camera.read)
        if image is not None:
            self._note_freshness(image.pixels)
        return image

    def _note_freshness(self, pixels: Pixels) -> None:
        """Note when an image is new.

        Raises:
            CameraError: it is not, and none has been for ``stall_s``.
        """
        watched = self.live and not self._may_freeze
        same = watched and self._last_pixels is not None and np.array_equal(pixels, self._last_pixels)
        with self._changed:
            if not same:
                self.frozen = False
            elif self._suspected:
                self.frozen = True
                log.warning("camera %s: the same image after reopening, so the scene itself is still", self.name)
            elif not self.frozen:
                if self.last_frame_age_s > self._stall_s:
                    self._count_stall()
                    self._suspected = True
                    raise CameraError(f"camera {self.name}: the image has been frozen for {self._stall_s:g} s")
                return
            self._last_pixels, self._suspected = pixels, False
            self._new_at_s, self.stalled = time.monotonic(), False

    def _deliver(self, image: Image) -> None:
        with self._changed:
            while not self.live and self._frame is not None and not self._stop.is_set():
                self._changed.wait()
            self._frame = Frame(self.captured, image.captured_at_s, image.pixels)
            self.captured += 1
            self._changed.notify_all()

    def _close(self) -> None:
        camera, self._camera = self._camera, None
        if camera is not None:
            self._call(camera.close)

    def _call(self, work: Callable[[], T]) -> T:
        """Run ``work`` and let ``next`` see how long it takes."""
        self._call_began_s = time.monotonic()
        try:
            return work()
        finally:
            self._call_began_s = None
