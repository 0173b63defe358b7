"""The capture thread while the camera is paused."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from edge.camera import Camera
from edge.camera.capture import Capture
from edge.errors import CameraError
from tests.edge.camera.conftest import Clock, next_frame
from tests.support.camera import StillCamera
from tests.support.waiting import eventually


class Switch:
    """A pause that a test switches."""

    def __init__(self, *, on: bool = False) -> None:
        self.on = on

    def __call__(self) -> bool:
        return self.on


def test_a_pause_closes_the_camera_and_its_end_opens_it_again(started: Callable[..., Capture]) -> None:
    first, second, pause = StillCamera(1), StillCamera(2), Switch()
    capture = started(first, second, is_paused=pause)
    next_frame(capture)

    pause.on = True
    eventually(lambda: capture.paused)
    during = first.closed, capture.next(0.05), capture.reopens, capture.stalled
    pause.on = False
    after = next_frame(capture)

    assert during == (True, None, 0, False)
    assert after.pixels[0, 0] == 2
    assert not capture.paused
    assert capture.reopens == 0, "a pause is no failure"


def test_a_camera_that_is_paused_from_the_start_is_opened_when_the_pause_ends() -> None:
    camera, pause = StillCamera(), Switch(on=True)
    opened = threading.Event()

    def open_camera() -> Camera:
        opened.set()
        return camera

    capture = Capture(open_camera, is_paused=pause, name="usb")
    capture.start()
    eventually(lambda: capture.paused)
    before = opened.is_set(), capture.name
    pause.on = False
    next_frame(capture)
    capture.stop()
    camera.released.set()

    assert before == (False, "usb")
    assert opened.is_set()
    assert capture.name == "still"


def test_hours_of_pause_are_no_stall_and_no_frozen_image(started: Callable[..., Capture], clock: Clock) -> None:
    pause = Switch()
    capture = started(StillCamera(), StillCamera(), is_paused=pause, stall_s=0.5)
    next_frame(capture)

    pause.on = True
    eventually(lambda: capture.paused)
    clock.ahead_s = 36_000
    during = capture.next(0.05)
    pause.on = False
    next_frame(capture)

    assert during is None
    assert (capture.stalls, capture.stalled, capture.frozen, capture.reopens) == (0, False, False, 0)


def test_a_camera_that_cannot_be_opened_after_a_pause_is_tried_again(started: Callable[..., Capture]) -> None:
    pause = Switch()
    capture = started(StillCamera(1), CameraError("unplugged"), StillCamera(2), is_paused=pause)
    next_frame(capture)

    pause.on = True
    eventually(lambda: capture.paused)
    pause.on = False

    assert next_frame(capture).pixels[0, 0] == 2
    assert capture.reopens == 1


def test_a_pause_ends_a_run_that_is_stopped_as_quickly_as_ever(started: Callable[..., Capture]) -> None:
    capture = started(StillCamera(), is_paused=Switch(on=True))
    eventually(lambda: capture.paused)

    begun_s = time.monotonic()
    capture.stop()

    assert time.monotonic() - begun_s < 1
