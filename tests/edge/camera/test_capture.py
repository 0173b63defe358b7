"""The capture thread against cameras that fail, and its end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edge.camera.capture import Capture
from edge.errors import CameraError, ConfigError
from tests.edge.camera.conftest import Clock, next_frame, opening
from tests.support.camera import ScriptedCamera, StillCamera


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


def test_a_patient_capture_does_not_wait_for_what_only_a_person_can_install(
    started: Callable[..., Capture],
) -> None:
    capture = started(ConfigError("picamera2 cannot be imported"), patient=True)

    with pytest.raises(ConfigError, match="picamera2 cannot be imported"):
        capture.next(1)


def test_a_clip_that_fails_is_not_begun_again(started: Callable[..., Capture]) -> None:
    capture = started(ScriptedCamera([CameraError("broken clip")], live=False))

    with pytest.raises(CameraError, match="broken clip"):
        capture.next(5)
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


def test_damaged_images_are_counted_over_all_reopenings(started: Callable[..., Capture]) -> None:
    first, second = ScriptedCamera([1, CameraError("unplugged")]), ScriptedCamera([2])
    first.bad_frames, second.bad_frames = 3, 4
    capture = started(first, second)
    second.exhausted.wait()

    assert capture.bad_frames == 7


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
