"""The thread that reads the camera: the pipeline gets the newest frame, and a stalled camera is reopened."""

from __future__ import annotations

import logging
import math
import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from edge.camera import Camera
from edge.errors import CameraError, ConfigError
from edge.records import Frame, Image, Pixels

log = logging.getLogger(__name__)

T = TypeVar("T")

LONGEST_PAUSE_S = 8.0
STOP_TIMEOUT_S = 2.0
FREEZE_FACTOR = 12
"""The same image for so many times ``stall_s`` is suspicious: at night a denoising encoder repeats one for seconds."""
PAUSE_POLL_S = 0.2
QUIET_S = 60.0
"""A camera that fails again and again is told of once in this time."""


class Capture:
    """Numbered frames of one camera, read by a daemon thread from ``start`` to ``stop``.

    From a live camera ``next`` returns the newest frame; older ones that nobody took are lost, which leaves a gap in
    ``sequence``. If the camera is not live, the thread waits until each frame is taken.

    A live camera has *stalled* when no image has come for ``stall_s``, and has recovered when images have come for as
    long. An error makes the thread reopen the camera, after a jittered pause that doubles from ``pause_s``; after
    ``max_reopens`` failures in a row ``next`` raises.

    The very same image for 12 times ``stall_s`` makes the thread reopen the camera once, unless ``may_freeze``: a
    recording may stand still. If the image is still the same, the camera is *frozen* until it changes: its lens is
    covered, or it hangs. Each further suspicion takes twice as long, so that a still room is left in peace.

    If ``patient``, a camera that cannot be opened at the start is tried again and again, and stalls until it is there.

    While ``is_paused``, which is asked before every image, the camera is closed and ``next`` returns nothing. Then it
    is opened again, a recording at its beginning. Before it was opened for the first time its name is ``name``.

    A call into the camera that never returns cannot be interrupted. After twice ``stall_s`` (when it opens, after six
    times and 5 s more: FFmpeg looks at the first images) ``next`` raises, so that the service ends and a new process
    takes over.

    All times are on the monotonic clock.

    Attributes:
        name: of the camera.
        live: of the camera.
        captured: frames read so far; goes on counting when the camera is reopened.
        reopens: how often the camera was reopened.
        stalls: how often it stalled.
        stalled: whether it is stalled now.
        frozen: whether it is frozen now.
        paused: whether it is closed because of a pause.
        trouble: the last error since the last image, a sentence; else empty.
    """

    def __init__(
        self,
        open_camera: Callable[[], Camera],
        *,
        stall_s: float = 10.0,
        may_freeze: bool = False,
        max_reopens: int = 5,
        pause_s: float = 0.5,
        is_paused: Callable[[], bool] = lambda: False,
        name: str = "camera",
        patient: bool = False,
    ) -> None:
        self._open_camera, self._stall_s, self._may_freeze = open_camera, stall_s, may_freeze
        self._max_reopens, self._pause_s = max_reopens, pause_s
        self._freeze_s = FREEZE_FACTOR * stall_s
        self._is_paused, self._patient = is_paused, patient
        self.name, self.live = name, True
        self.captured = self.reopens = self.stalls = 0
        self.stalled = self.frozen = self.paused = False
        self._bad_before = 0
        self._camera: Camera | None = None
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._stop = threading.Event()
        self._changed = threading.Condition()
        self._frame: Frame | None = None
        self._over = False
        self._error: CameraError | ConfigError | None = None
        self._call_until_s = math.inf
        self._image_at_s = self._steady_since_s = self._same_since_s = 0.0
        self._last_pixels: Pixels | None = None
        self._suspected = False
        self._told_s, self._untold = -math.inf, 0
        self._tried = threading.Event()
        self.trouble = ""

    def start(self) -> None:
        """Open the camera and begin to read it.

        If the capture is patient, it waits for ``stall_s`` at most, and goes on trying.

        Raises:
            CameraError: it cannot be opened, and the capture is not patient: somebody is watching.
        """
        if not self._is_paused() and not self._patient:
            self._open()
        self._image_at_s = self._steady_since_s = time.monotonic()
        self._thread.start()
        if self._patient:
            self._tried.wait(self._stall_s)

    def next(self, timeout_s: float) -> Frame | None:
        """Wait for a frame that nobody has taken yet; None after ``timeout_s``, and once ``ended``.

        Raises:
            CameraError: the camera failed for good.
            ConfigError: it cannot be opened on this machine, whenever it is tried.
        """
        deadline_s = time.monotonic() + timeout_s
        with self._changed:
            while True:
                self._watch_for_stall()
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
        """Seconds since the last image, or since ``start``."""
        return time.monotonic() - self._image_at_s

    @property
    def bad_frames(self) -> int:
        """Damaged images that were skipped, over all reopenings."""
        camera = self._camera
        return self._bad_before + (camera.bad_frames if camera is not None else 0)

    def stop(self) -> None:
        """Stop reading and close the camera; gives up on a camera that blocks for 2 seconds."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(STOP_TIMEOUT_S)

    def _watch_for_stall(self) -> None:
        if not self.live or self._over or self.paused:
            return
        if self.last_frame_age_s > self._stall_s:
            if not self.stalled:
                self.stalls += 1
                log.warning("camera %s: no image for %.1f s", self.name, self.last_frame_age_s)
            self.stalled = True
        elif self.stalled and time.monotonic() - self._steady_since_s >= self._stall_s:
            self.stalled = False
            log.info("camera %s: delivers again", self.name)

    def _raise_if_blocked(self) -> None:
        if time.monotonic() > self._call_until_s:
            raise CameraError(f"camera {self.name}: a call into it does not return, only a restart can free it")

    # The rest runs in the capture thread.

    def _run(self) -> None:
        outcome: CameraError | ConfigError | None = CameraError(
            f"camera {self.name}: its thread died; the log says why"
        )
        try:
            outcome = self._read_until_error()
            self._close()
        finally:
            with self._changed:
                self._over, self._error = True, outcome
                self._changed.notify_all()

    def _read_until_error(self) -> CameraError | ConfigError | None:
        """Read until the end (None), ``stop`` (None) or an error that reopening does not cure."""
        failures = 0
        while not self._stop.is_set():
            if self._is_paused():
                self._tried.set()
                self._rest()
                continue
            try:
                image = self._next_image()
            except ConfigError as error:
                return error
            except CameraError as error:
                failures += 1
                # A patient one waits for a camera that has not come yet: a fresh process would not find it either.
                waits = self._patient and not self.captured
                if not self.live or (failures > self._max_reopens and not waits):
                    return error
                self.trouble = str(error)
                self._tell(error)
                self._close()
                pause_s = min(self._pause_s * 2 ** (failures - 1), LONGEST_PAUSE_S)
                self._stop.wait(pause_s * random.uniform(0.5, 1))
            else:
                if image is None:
                    return None
                failures, self.trouble = 0, ""
                self._deliver(image)
        return None

    def _rest(self) -> None:
        """Keep the camera closed for a moment, and nothing of what it showed."""
        if not self.paused:
            self._close()
            with self._changed:
                self._frame = self._last_pixels = None
                self.stalled = self.frozen = self._suspected = False
                self.paused = True
            log.info("camera %s: closed for a pause", self.name)
        self._stop.wait(PAUSE_POLL_S)

    def _tell(self, error: CameraError) -> None:
        now_s = time.monotonic()
        if now_s - self._told_s < QUIET_S:
            self._untold += 1
            return
        before = f" (since it was last said: {self._untold} more)" if self._untold else ""
        log.warning("%s; reopening it%s", error, before)
        self._told_s, self._untold = now_s, 0

    def _next_image(self) -> Image | None:
        if self.paused:
            self.paused, self._image_at_s = False, time.monotonic()
            self._steady_since_s = self._image_at_s
            camera = self._call(self._open, 6 * self._stall_s + 5)
            log.info("camera %s: opened after a pause", self.name)
        elif self._camera is None:
            again = self._tried.is_set()
            camera = self._call(self._open, 6 * self._stall_s + 5)
            self.reopens += again
        else:
            camera = self._camera
        image = self._call(camera.read, 2 * self._stall_s)
        if image is not None:
            self._note(image.pixels)
        return image

    def _note(self, pixels: Pixels) -> None:
        """Note that an image came, and whether it is a new one.

        Raises:
            CameraError: it has been the same for so long that reopening may help.
        """
        now_s = time.monotonic()
        with self._changed:
            if now_s - self._image_at_s > self._stall_s:
                self._steady_since_s = now_s
            self._image_at_s = now_s
            if not self.live or self._may_freeze:
                return
            if self._last_pixels is None or not np.array_equal(pixels, self._last_pixels):
                if self.frozen:
                    log.info("camera %s: its image changes again", self.name)
                self.frozen = self._suspected = False
                self._last_pixels, self._same_since_s = pixels, now_s
            elif self._suspected and not self.frozen:
                self.frozen = True
                log.warning("camera %s: the same image after reopening: it hangs, or its lens is covered", self.name)
            elif not self.frozen and now_s - self._same_since_s > self._freeze_s:
                self._suspected, lasted_s = True, self._freeze_s
                self._freeze_s *= 2
                raise CameraError(f"camera {self.name}: the very same image for {lasted_s:g} s")

    def _deliver(self, image: Image) -> None:
        with self._changed:
            if self._is_paused():
                return
            while not self.live and self._frame is not None and not self._stop.is_set():
                self._changed.wait()
            self._frame = Frame(self.captured, image.captured_at_s, image.pixels)
            self.captured += 1
            self._changed.notify_all()

    def _open(self) -> Camera:
        try:
            camera = self._camera = self._open_camera()
        finally:
            self._tried.set()
        self.name, self.live = camera.name, camera.live
        return camera

    def _close(self) -> None:
        camera = self._camera
        if camera is not None:
            self._bad_before, self._camera = self.bad_frames, None
            self._call(camera.close, 2 * self._stall_s)

    def _call(self, work: Callable[[], T], limit_s: float) -> T:
        """Run ``work`` and let ``next`` see when it should have returned."""
        self._call_until_s = time.monotonic() + limit_s
        try:
            return work()
        finally:
            self._call_until_s = math.inf
