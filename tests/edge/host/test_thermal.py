"""How the rate of frames follows heat, and what is left of a window at the lowest."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from edge.host.thermal import LOWER_AFTER_S, MIN_HZ, Throttle
from edge.records import Frame, HostHealth, Track
from edge.vision.tracker import FaceTracker
from tests.support.daemon import StartDaemon
from tests.support.dashboard import Dashboard, OpenDashboard
from tests.support.detector import SteadyDetector
from tests.support.mosquitto import StartMosquitto

CAMERA_HZ = 12.0


def host(cpu_temp_c: float | None, throttled: bool | None = None) -> HostHealth:
    return HostHealth(cpu_temp_c, throttled, None, None)


def running() -> Throttle:
    """Of a daemon that has run for a while."""
    throttle = Throttle()
    throttle.observe(host(50.0), CAMERA_HZ, -LOWER_AFTER_S)
    return throttle


def rates(felt: list[tuple[float, HostHealth]]) -> list[float]:
    """The rate after each look at the machine, where frames are analysed as fast as allowed."""
    throttle, after = running(), []
    for now_s, what in felt:
        throttle.observe(what, min(CAMERA_HZ, throttle.max_hz), now_s)
        after.append(throttle.max_hz)
    return after


def kept(throttle: Throttle, camera_hz: float, seconds: float) -> list[float]:
    """Times of the frames that are analysed."""
    times = (index / camera_hz for index in range(round(seconds * camera_hz)))
    return [time_s for time_s in times if throttle.should_analyse(time_s)]


@pytest.mark.parametrize(
    "what",
    [
        pytest.param(host(80.0), id="hot"),
        pytest.param(host(80.0, False), id="hot, not slowed down yet"),
        pytest.param(host(60.0, True), id="weak power supply"),
        pytest.param(host(None, True), id="no sensor"),
    ],
)
def test_a_hot_or_slowed_down_processor_analyses_half_the_frames_at_once(what: HostHealth) -> None:
    assert rates([(0.0, what)]) == [CAMERA_HZ / 2]


def test_the_first_half_minute_only_shows_the_rate() -> None:
    throttle, hot = Throttle(), host(85.0)

    throttle.observe(hot, analysed_hz=200.0, now_s=1.0)
    throttle.observe(hot, analysed_hz=10.0, now_s=30.0)
    assert throttle.max_hz == math.inf

    throttle.observe(hot, analysed_hz=10.0, now_s=31.0)
    assert throttle.max_hz == 5.0


@pytest.mark.parametrize("what", [host(79.9), host(79.9, False), host(None, False), host(None)])
def test_others_analyse_all(what: HostHealth) -> None:
    assert rates([(0.0, what), (1000.0, what)]) == [math.inf, math.inf]


def test_the_rate_is_halved_again_when_half_a_minute_did_not_help_but_not_below_the_least() -> None:
    hot = host(85.0, True)

    assert rates([(0, hot), (29, hot), (30, hot), (60, hot), (900, hot)]) == [6, 6, MIN_HZ, MIN_HZ, MIN_HZ]


def test_the_rate_comes_back_in_steps_after_a_minute_of_cool_each() -> None:
    hot, cool = host(85.0), host(74.9)

    assert rates([(0, hot), (30, hot), (40, cool), (99, cool), (100, cool), (159, cool), (160, cool)]) == [
        6, 3, 3, 3, 6, 6, math.inf,
    ]  # fmt: skip


@pytest.mark.parametrize("between", [host(75.0), host(79.9), host(70.0, True)])
def test_a_minute_that_is_not_cool_throughout_does_not_count(between: HostHealth) -> None:
    cool = host(60.0)

    *_, soon, in_time = rates(
        [(0.0, host(81.0)), (10.0, cool), (50.0, between), (69.0, cool), (128.0, cool), (129.0, cool)]
    )

    assert soon < math.inf
    assert in_time > soon


def test_a_processor_too_slow_for_the_least_rate_is_not_slowed_further() -> None:
    throttle = running()

    throttle.observe(host(90.0, True), analysed_hz=2.5, now_s=0.0)

    assert throttle.max_hz == math.inf
    assert throttle.problems == ()


def test_the_lower_rate_is_a_problem_while_it_lasts() -> None:
    throttle = running()
    assert not throttle.problems

    throttle.observe(host(85.0), analysed_hz=10.0, now_s=0.0)

    (problem,) = throttle.problems
    assert problem.code == "frame_rate_lowered"
    assert problem.sentence == "Only 5 frames a second are analysed, to cool down."


@pytest.mark.parametrize("camera_hz", [5.5, 7.5, 10.0, 15.0, 30.0])
def test_on_average_the_rate_is_kept_whatever_the_cameras_is(camera_hz: float) -> None:
    throttle = running()
    throttle.observe(host(85.0), analysed_hz=10.0, now_s=0.0)

    assert len(kept(throttle, camera_hz, 60)) == pytest.approx(5 * 60, abs=2)


def seen(tracker: FaceTracker, frame: Frame) -> Track:
    """The one person whom every detection finds at the same place."""
    faces = SteadyDetector().detect(frame.pixels)
    (track,) = tracker.update(frame, faces) if tracker.detection_due(frame) else tracker.carry()
    return track


@pytest.mark.parametrize("camera_hz", [4.0, 5.5, 7.5, 10.0, 12.0, 15.0, 25.0, 30.0, 60.0])
def test_at_the_least_rate_one_person_is_still_one(camera_hz: float) -> None:
    throttle, tracker = running(), FaceTracker(detect_every=30)
    throttle.observe(host(85.0), analysed_hz=2 * MIN_HZ, now_s=0.0)

    times = kept(throttle, camera_hz, 60)
    tracks = [seen(tracker, Frame(0, time_s, np.zeros((60, 60), np.uint8))) for time_s in times]

    assert throttle.max_hz == MIN_HZ
    assert {track.id for track in tracks} == {1}
    assert sum(track.confirmed for track in tracks) >= len(tracks) - 3


def counts(board: Dashboard) -> list[dict[str, int]]:
    return [body["frames"] for body in board.payloads("/aggregate")]


def codes(board: Dashboard) -> set[str]:
    return {problem["code"] for body in board.payloads("/status") for problem in body["problems"]}


# Half a minute until it is called hot is too long for a test.
IN_A_HURRY = """
import pathlib, sys
from edge import cli
from edge.host import sensors, thermal
thermal.LOWER_AFTER_S = 3
sensors.TEMPERATURE = pathlib.Path(sys.argv.pop(1))
sys.exit(cli.main())
"""


def test_a_hot_daemon_says_that_it_drops_frames_and_drops_them(
    mosquitto: StartMosquitto, dashboard: OpenDashboard, daemon: StartDaemon, tmp_path: Path
) -> None:
    broker = mosquitto()
    board = dashboard(broker)
    (tmp_path / "temp").write_text("83000\n", "ascii")

    daemon(broker.port, program=("-c", IN_A_HURRY, str(tmp_path / "temp")), window={"duration_s": 2})
    board.wait(lambda: any(4 * frames["dropped"] > frames["analysed"] for frames in counts(board)))
    board.wait(lambda: "frame_rate_lowered" in codes(board))
