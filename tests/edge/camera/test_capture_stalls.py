"""The capture thread against cameras that block, and against images that stay the same."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from edge.camera import Camera
from edge.camera.capture import Capture
from edge.errors import CameraError
from edge.records import Image
from tests.edge.camera.conftest import Clock, next_frame
from tests.support.camera import ScriptedCamera, StillCamera


class StallingCamera(ScriptedCamera):
    """Shows one image, then blocks for ever."""

    name = "stalling"

    def __init__(self) -> None:
        super().__init__([1])


@pytest.fixture
def soon_suspicious(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same image for an eighth of a second is suspicious."""
    monkeypatch.setattr("edge.camera.capture.FREEZE_FACTOR", 0.025)


@pytest.mark.usefixtures("soon_suspicious")
def test_the_same_image_for_long_is_cured_by_reopening_if_it_was_the_camera(started: Callable[..., Capture]) -> None:
    frozen, cured = StillCamera(7), ScriptedCamera([8])
    capture = started(frozen, cured, stall_s=5.0)
    cured.exhausted.wait()

    assert next_frame(capture).pixels[0, 0] == 8
    assert capture.reopens == 1
    assert not capture.frozen


@pytest.mark.usefixtures("soon_suspicious")
def test_an_image_that_stays_after_reopening_is_told_and_left_in_peace(
    started: Callable[..., Capture], caplog: pytest.LogCaptureFixture
) -> None:
    capture = started(StillCamera(7), stall_s=5.0)

    while not capture.frozen:
        capture.next(5)
    frozen_at = capture.captured
    while capture.captured < frozen_at + 500:  # half a second, four times what made it suspicious
        capture.next(5)

    assert capture.frozen
    assert capture.reopens == 1
    assert len([record for record in caplog.records if "same image" in record.getMessage()]) == 2


class NightCamera(StillCamera):
    """An empty room behind an encoder that removes noise: its image changes now and then."""

    def read(self) -> Image | None:
        self._level = (time.monotonic_ns() // 300_000_000) % 250
        return super().read()


def test_a_still_room_at_night_is_a_still_room(
    started: Callable[..., Capture], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.camera.capture.FREEZE_FACTOR", 0.2)
    capture = started(NightCamera(), stall_s=5.0)
    begun_s = time.monotonic()

    while time.monotonic() < begun_s + 2.5:  # more than twice what is suspicious
        capture.next(5)
        assert not capture.frozen

    assert capture.reopens == 0


def test_a_stall_is_over_when_images_have_come_for_a_while(started: Callable[..., Capture], clock: Clock) -> None:
    capture = started(NightCamera(), stall_s=5.0)
    next_frame(capture)

    capture._image_at_s -= 6  # as if none had come for 6 s
    capture._watch_for_stall()
    stalled_at_once = capture.stalled
    next_frame(capture)
    capture._watch_for_stall()
    stalled_with_the_first_image = capture.stalled
    clock.ahead_s = 4.9
    next_frame(capture)
    clock.ahead_s = 9.8
    next_frame(capture)

    assert stalled_at_once
    assert stalled_with_the_first_image
    assert not capture.stalled
    assert capture.stalls == 1


def test_a_recording_may_stand_still(started: Callable[..., Capture], clock: Clock) -> None:
    capture = started(StillCamera(7), stall_s=5.0, may_freeze=True)
    capture.next(5)

    for _ in range(10):
        clock.ahead_s += 9.0
        capture.next(5)
        capture.next(5)

    assert capture.reopens == 0
    assert not capture.frozen


def test_a_camera_that_blocks_for_ever_is_counted_and_ends_the_capture(started: Callable[..., Capture]) -> None:
    capture = started(StallingCamera(), stall_s=0.2)
    capture.next(5)

    with pytest.raises(CameraError, match="stalling: a call into it does not return, only a restart can free it"):
        capture.next(5)

    assert capture.stalled
    assert capture.stalls >= 1
    assert capture.last_frame_age_s > 0.4


def test_opening_again_may_block_for_ever_too(clock: Clock) -> None:
    lost, opening_again, released = ScriptedCamera([CameraError("unplugged")]), threading.Event(), threading.Event()
    script = iter([lost])

    def open_camera() -> Camera:
        for camera in script:
            return camera
        opening_again.set()
        released.wait()
        return lost

    capture = Capture(open_camera, stall_s=1.0, pause_s=0.001)
    capture.start()
    opening_again.wait()
    clock.ahead_s = 12.0

    with pytest.raises(CameraError, match="only a restart can free it"):
        capture.next(5)
    released.set()
    capture.stop()


def test_waiting_for_the_reader_of_a_clip_is_no_stall(started: Callable[..., Capture], clock: Clock) -> None:
    capture = started(ScriptedCamera([1, 2, None], live=False), stall_s=5.0)
    clock.ahead_s = 60.0  # longer than a camera that blocks is given

    frames = [next_frame(capture), next_frame(capture)]

    assert [frame.sequence for frame in frames] == [0, 1]
    assert capture.stalls == 0
