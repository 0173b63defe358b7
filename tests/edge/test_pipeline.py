"""The way from frame to outlet, with real tracker, window and classifier behind a scripted camera."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from edge.camera.capture import Capture
from edge.errors import CameraError
from edge.health import Meter
from edge.host.thermal import LOWER_AFTER_S, Throttle
from edge.pipeline import Onlooker, Pipeline
from edge.records import EmotionScores, Face, Frame, HostHealth, Image, Observation, Pixels, Reading, Track
from edge.vision.classifier import EmotionClassifier, load_release
from edge.vision.movement import Cells
from edge.vision.tracker import FaceTracker
from edge.vision.window import EmotionWindow
from tests.support.camera import ScriptedCamera
from tests.support.detector import SteadyDetector
from tests.support.paths import TINY
from tests.support.pipeline import FACE, EverybodyMoves, Results, SharpCamera, camera, run
from tests.support.waiting import eventually


def test_a_clip_leaves_as_windows_that_count_every_frame() -> None:
    results = run(camera(25), (FACE,))

    assert [window.captured for window in results.windows] == [10, 10, 5]
    assert sum(window.dropped for window in results.windows) == 0
    assert [window.people for window in results.windows] == [1, 1, 1]
    assert all(window.emotions is not None for window in results.windows)


def test_the_detector_sees_each_frame_that_is_due() -> None:
    detector = SteadyDetector(())

    run(camera(5), (), detector=detector, detect_every=2)

    assert [int(pixels[0, 0]) for pixels in detector.seen] == [0, 14, 28]


def test_where_nothing_moves_the_detector_looks_once_a_second() -> None:
    detector = SteadyDetector((FACE,))
    still = SharpCamera([*[7] * 25, None], live=False, size_px=(160, 120), interval_s=0.1)

    results = run(still, (FACE,), detector=detector, detect_every=2)

    assert len(detector.seen) == 3
    assert [window.max_at_once for window in results.windows] == [0, 1, 1]


def test_between_two_detections_nothing_is_classified_and_the_readings_hold() -> None:
    seen: list[tuple[Reading, ...]] = []

    class Guest:
        def see(self, frame: Frame, tracks: Sequence[Track], observation: Observation) -> None:
            seen.append(observation.readings)

    run(camera(12), (FACE,), detect_every=3, onlooker=Guest())

    assert [len(readings) for readings in seen] == 3 * [0] + 9 * [1]
    assert [index for index in range(4, 12) if seen[index] is seen[index - 1]] == [4, 5, 7, 8, 10, 11]


class Readings(Onlooker):
    """Keeps what the first face said in each frame."""

    def __init__(self) -> None:
        self.scores: list[EmotionScores | None] = []

    def see(self, frame: Frame, tracks: Sequence[Track], observation: Observation) -> None:
        self.scores.append(observation.readings[0].scores if observation.readings else None)

    @property
    def new(self) -> list[int]:
        """The frames in which it was read."""
        return [i for i, each in enumerate(self.scores) if each and (i == 0 or each is not self.scores[i - 1])]


def test_a_face_is_read_twice_a_second_however_often_it_is_detected() -> None:
    readings = Readings()

    run(camera(22), (FACE,), onlooker=readings)

    assert readings.new == [1, 6, 11, 16, 21]


def test_a_face_that_has_not_changed_is_read_once_a_second() -> None:
    readings = Readings()
    still = camera(1)._image(7).pixels

    class Beside(SharpCamera):
        def _image(self, level: int) -> Image:
            image = super()._image(level)
            image.pixels[:, :88] = still[:, :88]
            return image

    run(Beside([*range(0, 154, 7), None], live=False, size_px=(160, 120), interval_s=0.1), (FACE,), onlooker=readings)

    assert readings.new == [1, 10, 20]


def test_an_empty_room_is_published_too() -> None:
    results = run(camera(20), ())

    assert [(window.people, window.emotions, window.suppressed) for window in results.windows] == [(0, None, None)] * 2


def test_too_few_people_leave_no_emotions_anywhere() -> None:
    results = run(camera(20), (FACE, Face(90, 10, 150, 70, 0.8)), min_people=3)

    assert {window.suppressed for window in results.windows} == {"too_few_people"}
    assert {window.emotions for window in results.windows} == {None}
    assert {room.emotions for room in results.rooms} == {None}
    assert results.windows[0].people == 2


def test_an_onlooker_sees_every_frame_with_faces_that_do_not_count_yet_and_changes_nothing() -> None:
    seen: list[tuple[int, list[bool], int]] = []

    class Guest:
        def see(self, frame: Frame, tracks: Sequence[Track], observation: Observation) -> None:
            seen.append((frame.sequence, [track.confirmed for track in tracks], len(observation.readings)))

    watched, alone = run(camera(3), (FACE,), onlooker=Guest()), run(camera(3), (FACE,))

    assert seen == [(0, [False], 0), (1, [True], 1), (2, [True], 1)]
    assert watched == alone


def test_a_single_detection_is_no_person() -> None:
    results = run(camera(1), (FACE,))

    assert [window.people for window in results.windows] == [0]


def test_the_room_is_shown_twice_a_second() -> None:
    results = run(camera(8, interval_s=0.25), (FACE,))

    assert len(results.rooms) == 4


def test_a_hot_processor_gets_fewer_frames_and_the_window_counts_the_others_as_dropped() -> None:
    throttle = Throttle()
    for now_s in (0.0, LOWER_AFTER_S):
        throttle.observe(HostHealth(85.0, None, None, None), 10.0, now_s)

    results = run(camera(20), (FACE,), throttle=throttle)

    assert [window.people for window in results.windows] == [1, 1]
    assert 10 <= sum(window.analysed for window in results.windows) <= 11
    assert sum(window.dropped for window in results.windows) >= 8


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipeline that looks after its windows a hundred times a second while no frame comes."""
    monkeypatch.setattr("edge.pipeline.FRAME_TIMEOUT_S", 0.01)


def slowly(*script: int | None) -> Iterator[int | None]:
    """Items of a script, each after several timeouts of an impatient pipeline."""
    for item in script:
        time.sleep(0.1)
        yield item


@pytest.mark.usefixtures("impatient")
def test_windows_end_in_time_while_a_live_camera_shows_nothing() -> None:
    results = run(ScriptedCamera([0]), (FACE,), window_s=0.1, enough=3)

    assert [window.analysed for window in results.windows[:3]] == [1, 0, 0]


@pytest.mark.usefixtures("impatient")
def test_a_slow_clip_keeps_its_own_time() -> None:
    results = run(ScriptedCamera(slowly(0, 1, None), live=False, interval_s=0.6), ())

    assert [(window.start_s, window.end_s) for window in results.windows] == [(0.6, 1.2)]


@pytest.mark.usefixtures("impatient")
def test_before_the_first_frame_nothing_is_published() -> None:
    assert run(ScriptedCamera(slowly(None)), (FACE,)) == Results()


def test_frames_between_two_detections_count_as_captured_and_analysed() -> None:
    (window,) = run(camera(5), (FACE,), detect_every=3).windows

    assert (window.captured, window.analysed) == (5, 5)
    assert window.basis is not None
    assert window.basis.to_s - window.basis.from_s == pytest.approx(0.1)


def test_a_face_that_gets_uncertain_stays_in_view() -> None:
    class Doubting(SteadyDetector):
        def detect(self, pixels: Pixels, moved: Cells | None = None) -> tuple[Face, ...]:
            sure = super().detect(pixels, moved)
            if len(self.seen) <= 2:
                return sure
            self.unsure = sure
            return ()

    results = run(camera(30), (), detector=Doubting((FACE,)))

    assert results.rooms[-1].people == 1


def test_the_detector_is_told_where_something_has_moved() -> None:
    told: list[Cells | None] = []

    class Told(SteadyDetector):
        def detect(self, pixels: Pixels, moved: Cells | None = None) -> tuple[Face, ...]:
            told.append(moved)
            return super().detect(pixels, moved)

    run(camera(3), (), detector=Told((FACE,)))

    assert len(told) == 3
    assert all(each is not None for each in told)


def test_of_every_confirmed_face_it_is_asked_whether_it_moves() -> None:
    asked: list[tuple[str, int, float]] = []

    class Asking(EverybodyMoves):
        def is_alive(self, track: Track, now_s: float) -> bool:
            asked.append(("alive", track.id, now_s))
            return super().is_alive(track, now_s)

        def is_still(self, track: Track, now_s: float) -> bool:
            asked.append(("still", track.id, now_s))
            return super().is_still(track, now_s)

    run(camera(3), (FACE,), liveness=Asking())

    second_s, third_s = asked[0][2], asked[-1][2]
    assert third_s - second_s == pytest.approx(0.1)
    assert asked == [(what, 1, at_s) for at_s in (second_s, third_s) for what in ("alive", "still")]


def test_a_stop_is_obeyed_before_the_next_frame() -> None:
    assert run(camera(25), (FACE,), enough=0) == Results()


def test_a_camera_that_fails_for_good_ends_the_run() -> None:
    with pytest.raises(CameraError, match="unplugged"):
        run(camera(5, CameraError("unplugged")), (FACE,))


class PausingCamera(ScriptedCamera):
    """Asks for a pause once ``enough`` of its images were seen."""

    def __init__(self, enough: Callable[[], bool], pause: threading.Event) -> None:
        super().__init__(itertools.cycle(range(250)), size_px=(160, 120))
        self._enough, self._pause = enough, pause

    def read(self) -> Image | None:
        time.sleep(0.02)
        if self._enough():
            self._pause.set()
        return super().read()


@pytest.mark.usefixtures("impatient")
def test_a_pause_ends_the_window_and_nothing_is_published_until_it_is_over() -> None:
    pause, results, meter = threading.Event(), Results(enough=2), Meter()
    pausing = PausingCamera(lambda: meter.analysed >= 8, pause)
    cameras = iter([pausing, ScriptedCamera(itertools.repeat(7), size_px=(160, 120))])
    capture = Capture(lambda: next(cameras), max_reopens=0, is_paused=pause.is_set)
    window = EmotionWindow(duration_s=60.0, min_people=1, counts_only=None, uncertain_below=0.5)
    classifier = EmotionClassifier(load_release(TINY / "grey"))
    pipeline = Pipeline(
        capture,
        SteadyDetector((FACE,)),
        FaceTracker(),
        classifier,
        window,
        results,
        meter,
        Throttle(),
        EverybodyMoves(),
    )
    capture.start()
    worker = threading.Thread(target=pipeline.run, args=(results.stop,))

    worker.start()
    eventually(lambda: results.windows)
    rooms = len(results.rooms)
    time.sleep(5 * 0.02)
    during = len(results.windows), len(results.rooms) - rooms, capture.paused
    pause.clear()
    eventually(lambda: meter.analysed > results.windows[0].analysed)
    results.stop.set()
    worker.join(10)
    capture.stop()

    assert during == (1, 0, True)
    assert 0 < results.windows[0].end_s - results.windows[0].start_s < 60
    assert results.windows[0].people == 1
    assert len(results.windows) == 2
    assert results.windows[1].start_s >= results.windows[0].end_s


class NobodyMoves(EverybodyMoves):
    """For posters."""

    def is_alive(self, track: Track, now_s: float) -> bool:
        return False

    def is_still(self, track: Track, now_s: float) -> bool:
        return True


def test_who_never_moves_is_reported_as_still_and_counts_nowhere_else() -> None:
    results = run(camera(10), (FACE,), liveness=NobodyMoves())

    assert [(window.still, window.people, window.max_at_once) for window in results.windows] == [(1, 0, 0)]
    assert {window.emotions for window in results.windows} == {None}


def test_a_face_without_contrast_is_a_person_who_is_not_read() -> None:
    plain = ScriptedCamera([*range(0, 100, 10), None], live=False, size_px=(160, 120), interval_s=0.1)

    results = run(plain, (FACE,))

    assert [window.people for window in results.windows] == [1]
    assert [window.unread.dark for window in results.windows] == [9]
    assert [window.suppressed for window in results.windows] == ["unreadable"]
