"""The capture thread against cameras that behave badly in every known way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from edge.camera import Camera
from edge.camera.capture import Capture
from edge.errors import CameraError
from edge.records import Frame, Image
from tests.support.camera import ScriptedCamera
from tests.support.waiting import eventually


class StillCamera(ScriptedCamera):
    """Shows one image for ever, a thousand times a second."""

    name = "still"

    def __init__(self, level: int = 7) -> None:
        super().__init__([])
        self._level = level

    def read(self) -> Image | None:
        self.released.wait(0.001)
        return self._image(self._level)


class StallingCamera(ScriptedCamera):
    """Shows one image, then blocks for ever."""

    name = "stalling"

    def __init__(self) -> None:
        super().__init__([1])


def opening(*attempts: Camera | CameraError) -> Callable[[], Camera]:
    """One attempt after the other; the last one again and again."""
    script = iter(attempts)

    def open_camera() -> Camera:
        attempt = next(script, attempts[-1])
        if isinstance(attempt, CameraError):
            raise attempt
        return attempt

    return open_camera


def next_frame(capture: Capture) -> Frame:
    frame = capture.next(5)
    assert frame is not None
    return frame


class Clock:
    """The capture's clock, which a test can put forward."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("edge.camera.capture.time", clock)
    return clock


@pytest.fixture
def started() -> Iterator[Callable[..., Capture]]:
    """Starts captures and stops them after the test."""
    captures: list[Capture] = []
    cameras: list[ScriptedCamera] = []

    def start(*attempts: ScriptedCamera | CameraError, **options: Any) -> Capture:
        cameras.extend(attempt for attempt in attempts if isinstance(attempt, ScriptedCamera))
        capture = Capture(opening(*attempts), pause_s=0.001, **options)
        capture.start()
        captures.append(capture)
        return capture

    yield start
    for camera in cameras:
        camera.released.set()
    for capture in captures:
        capture.stop()


def test_a_clip_is_given_whole_and_in_order_and_then_it_ended(started: Callable[..., Capture]) -> None:
    capture = started(ScriptedCamera([*range(20), None], live=False))

    frames = [next_frame(capture) for _ in range(20)]

    assert [frame.sequence for frame in frames] == list(range(20))
    assert [frame.pixels[0, 0] for frame in frames] == list(range(20))
    assert capture.next(5) is None
    assert capture.ended
    assert capture.captured == 20


def test_a_clip_has_not_ended_while_its_last_frame_waits(started: Callable[..., Capture]) -> None:
    capture = started(ScriptedCamera([1, None], live=False))

    ended_before = capture.ended
    frame = capture.next(5)

    assert not ended_before
    assert frame is not None
    assert capture.next(5) is None
    assert capture.ended


def test_of_a_live_camera_the_newest_frame_wins(started: Callable[..., Capture]) -> None:
    camera = ScriptedCamera([1, 2, 3])
    capture = started(camera)
    camera.exhausted.wait()

    frame = next_frame(capture)

    assert (frame.sequence, frame.pixels[0, 0]) == (2, 3)
    assert capture.captured == 3
    assert capture.next(0) is None


def test_a_camera_that_fails_is_opened_again_and_the_numbers_go_on(started: Callable[..., Capture]) -> None:
    unplugged = ScriptedCamera([1, 2, CameraError("unplugged")])
    replugged = ScriptedCamera([3])
    capture = started(unplugged, CameraError("not yet"), CameraError("not yet"), replugged)
    replugged.exhausted.wait()

    frame = next_frame(capture)

    assert (frame.sequence, frame.pixels[0, 0]) == (2, 3)
    assert capture.reopens == 1
    assert unplugged.closed


def test_a_camera_that_cannot_be_opened_again_is_an_error_for_good(started: Callable[..., Capture]) -> None:
    capture = started(ScriptedCamera([CameraError("unplugged")]), CameraError("camera x: is absent"), max_reopens=3)

    for _ in range(2):
        with pytest.raises(CameraError, match="camera x: is absent"):
            capture.next(5)
    assert not capture.ended


def test_a_camera_that_opens_but_never_delivers_is_not_opened_for_ever(started: Callable[..., Capture]) -> None:
    hung_up = [ScriptedCamera([CameraError(f"hung up {attempt}")]) for attempt in range(4)]

    capture = started(*hung_up, max_reopens=3)

    with pytest.raises(CameraError, match="hung up 3"):
        capture.next(5)
    assert capture.reopens == 3


def test_a_camera_that_is_absent_at_the_start_is_told_at_once() -> None:
    capture = Capture(opening(CameraError("camera x: is absent")))

    with pytest.raises(CameraError, match="camera x: is absent"):
        capture.start()


def test_a_patient_capture_waits_for_a_camera_that_is_absent_at_the_start(started: Callable[..., Capture]) -> None:
    absent = [CameraError(f"camera x: is absent {number}") for number in range(9)]
    capture = started(*absent, ScriptedCamera([1]), patient=True, max_reopens=2, name="usb")

    frame = next_frame(capture)

    assert frame.sequence == 0
    assert capture.trouble == ""


def test_a_patient_capture_says_what_is_wrong_and_stalls(started: Callable[..., Capture], clock: Clock) -> None:
    capture = started(CameraError("camera x: is absent"), patient=True, name="usb", stall_s=10.0)
    clock.ahead_s += 11

    assert capture.next(0.1) is None
    assert (capture.stalled, capture.name, capture.trouble) == (True, "usb", "camera x: is absent")


def test_a_patient_capture_that_found_its_camera_gives_it_up_like_any_other(started: Callable[..., Capture]) -> None:
    found = ScriptedCamera([1, CameraError("unplugged")])
    capture = started(found, *[CameraError(f"absent {number}") for number in range(9)], patient=True, max_reopens=2)
    next_frame(capture)

    with pytest.raises(CameraError, match="absent 1"):
        capture.next(5)


def test_a_clip_that_fails_is_not_begun_again(started: Callable[..., Capture]) -> None:
    capture = started(ScriptedCamera([CameraError("broken clip")], live=False))

    with pytest.raises(CameraError, match="broken clip"):
        capture.next(5)
    assert capture.reopens == 0


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


def test_a_camera_that_hangs_up_all_the_time_is_told_of_once_a_minute(
    started: Callable[..., Capture], caplog: pytest.LogCaptureFixture, clock: Clock
) -> None:
    last = ScriptedCamera([9])
    cameras = [ScriptedCamera([level, CameraError("hung up")]) for level in range(5)]
    capture = started(*cameras, last)
    last.exhausted.wait()

    assert capture.reopens == 5
    assert [record.getMessage() for record in caplog.records] == ["hung up; reopening it"]


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


def test_damaged_images_are_counted_over_all_reopenings(started: Callable[..., Capture]) -> None:
    first, second = ScriptedCamera([1, CameraError("unplugged")]), ScriptedCamera([2])
    first.bad_frames, second.bad_frames = 3, 4
    capture = started(first, second)
    second.exhausted.wait()

    assert capture.bad_frames == 7


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


def test_stop_closes_the_camera_and_ends_the_thread() -> None:
    camera = StillCamera()
    capture = Capture(opening(camera))
    capture.start()
    capture.next(5)

    capture.stop()
    capture.stop()

    capture.next(0)
    assert camera.closed
    assert capture.ended


def test_stop_does_not_wait_for_the_reader_of_a_clip() -> None:
    camera = ScriptedCamera([1, 2, 3, None], live=False)
    capture = Capture(opening(camera))
    capture.start()

    capture.stop()

    assert camera.closed


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_bug_in_a_camera_ends_the_capture_instead_of_hanging_it(started: Callable[..., Capture]) -> None:
    capture = started(ScriptedCamera([ZeroDivisionError("bug")]))

    with pytest.raises(CameraError, match="its thread died; the log says why"):
        capture.next(5)


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
