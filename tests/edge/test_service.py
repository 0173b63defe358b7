"""The real daemon as a process: real clip, real model, real broker, a second client that listens."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import cv2
import pytest

from tests.support.daemon import READY, StartDaemon, replay
from tests.support.dashboard import Dashboard, OpenDashboard
from tests.support.mosquitto import StartMosquitto

ALONE = {"min_people": 1}
PROVEN = 2
"""Windows of a second after which the face of the clip has been seen to move."""


def aggregates(board: Dashboard) -> list[dict[str, Any]]:
    return list(board.payloads("/aggregate"))


def test_a_clip_arrives_as_windows_without_a_gap(
    daemon: StartDaemon, mosquitto: StartMosquitto, dashboard: OpenDashboard
) -> None:
    broker = mosquitto()
    board = dashboard(broker)

    running = daemon(broker.port, camera=replay(pace="fast"), privacy=ALONE)
    board.wait(lambda: board.payloads("/availability") == ["online", "offline"], 60)

    windows = aggregates(board)
    assert running.finish(20) == 0
    assert [window["seq"] for window in windows] == [1, 2, 3, 4, 5]
    assert sum(window["frames"]["captured"] for window in windows) == 50
    assert {window["dominant"] for window in windows[PROVEN:]} == {"happy"}
    assert {window["faces"]["people"] for window in windows[PROVEN:]} == {1}


def test_alone_in_the_room_emotions_are_withheld(
    daemon: StartDaemon, mosquitto: StartMosquitto, dashboard: OpenDashboard
) -> None:
    broker = mosquitto()
    board = dashboard(broker)

    daemon(broker.port, camera=replay(pace="fast"))
    board.wait(lambda: len(aggregates(board)) == 5, 60)

    assert {window["suppressed"] for window in aggregates(board)[PROVEN:]} == {"too_few_people"}
    assert {window["emotions"] for window in aggregates(board)} == {None}
    assert {room["emotions"] for room in board.payloads("/live")} <= {None}


def test_systemd_hears_ready_and_at_a_stop_offline_is_published(
    daemon: StartDaemon, mosquitto: StartMosquitto, dashboard: OpenDashboard
) -> None:
    broker = mosquitto()
    board = dashboard(broker)

    running = daemon(broker.port)
    running.wait("WATCHDOG=1")
    status = running.stop()
    board.wait(lambda: board.payloads("/availability")[-1:] == ["offline"])

    heard = running.journal.entries()
    assert heard.index(READY) < heard.index("WATCHDOG=1")
    assert status == 0
    assert [body["state"] for body in board.payloads("/status")][-1] == "stopping"


def test_without_a_camera_systemd_never_hears_ready(
    daemon: StartDaemon, mosquitto: StartMosquitto, tmp_path: Path
) -> None:
    running = daemon(mosquitto().port, camera=replay(tmp_path / "absent.mp4"))

    assert running.finish(20) == 1
    assert not any("=" in line.split(" ")[0] for line in running.journal.entries()), "it notified systemd"


def test_windows_of_a_run_without_a_broker_arrive_with_the_next(
    daemon: StartDaemon, mosquitto: StartMosquitto, dashboard: OpenDashboard
) -> None:
    broker = mosquitto(start=False)

    running = daemon(broker.port, camera=replay(pace="fast"))
    assert running.finish() == 0
    broker.start()
    board = dashboard(broker)
    running.start()
    board.wait(lambda: len(aggregates(board)) == 10, 60)

    windows = aggregates(board)
    assert sorted(window["seq"] for window in windows) == list(range(1, 11))
    assert {window["seq"] for window in windows if window["historical"]} >= {1, 2, 3, 4, 5}


def test_undelivered_windows_of_an_outbox_in_memory_are_reported_as_lost(
    daemon: StartDaemon, mosquitto: StartMosquitto
) -> None:
    running = daemon(mosquitto(start=False).port, camera=replay(pace="fast"), outbox={"path": ""})

    assert running.finish() == 0
    assert running.said("windows that were not delivered and are lost: 5; outbox.path would keep them")


@pytest.mark.parametrize(
    "recording",
    [
        "media/intel_classroom.gif",
        "media/intel_face-demographics-walking-and-pause.gif",
        "media/intel_head-pose-face-detection-female.gif",
        "media/intel_head-pose-face-detection-female-and-male.gif",
        "media/intel_one-by-one-person-detection.mp4",
        "data/faces/dev",
    ],
)
def test_every_recording_runs_to_its_end_and_every_window_arrives(
    daemon: StartDaemon, mosquitto: StartMosquitto, dashboard: OpenDashboard, shared: Path, recording: str
) -> None:
    broker = mosquitto()
    board = dashboard(broker)
    frames = frames_of(shared / recording)

    running = daemon(broker.port, camera=replay(shared / recording, pace="fast", fps=60))
    board.wait(lambda: "offline" in board.payloads("/availability"), 100)

    windows = aggregates(board)
    assert running.finish(10) == 0
    assert [window["seq"] for window in windows] == list(range(1, len(windows) + 1))
    assert sum(window["frames"]["captured"] for window in windows) == frames
    assert sum(window["frames"]["analysed"] for window in windows) == frames


def frames_of(recording: Path) -> int:
    """How many images OpenCV reads from a video or finds in a folder."""
    if recording.is_dir():
        return len(list(recording.iterdir()))
    video, frames = cv2.VideoCapture(str(recording)), 0
    while video.read()[0]:
        frames += 1
    return frames


def test_at_work_people_are_counted_and_every_message_says_why_there_is_no_mood(
    daemon: StartDaemon, mosquitto: StartMosquitto, dashboard: OpenDashboard
) -> None:
    broker = mosquitto()
    board = dashboard(broker)

    running = daemon(broker.port, camera=replay(pace="fast"), privacy=ALONE, deployment={"context": "workplace"})
    board.wait(lambda: len(aggregates(board)) == 5, 60)

    assert running.said("moods are withheld and people only counted: deployment.context is 'workplace'")
    windows = aggregates(board)[PROVEN:]
    assert {(window["suppressed"], window["emotions"]) for window in windows} == {("context", None)}
    assert {window["faces"]["people"] for window in windows} == {1}
    assert {room["suppressed"] for room in board.payloads("/live") if room["people"]} <= {"context"}
    assert [info["deployment"] for info in board.payloads("/info")] == [{"context": "workplace"}]


def test_a_lawful_basis_is_published_with_the_moods_that_it_allows(
    daemon: StartDaemon, mosquitto: StartMosquitto, dashboard: OpenDashboard
) -> None:
    broker = mosquitto()
    board = dashboard(broker)
    place = {"context": "workplace", "lawful_basis": "Tiredness of drivers, a safety function"}

    daemon(broker.port, camera=replay(pace="fast"), privacy=ALONE, deployment=place)
    board.wait(lambda: len(aggregates(board)) == 5, 60)

    assert {window["dominant"] for window in aggregates(board)[PROVEN:]} == {"happy"}
    assert [info["deployment"] for info in board.payloads("/info")] == [place]


def command(board: Dashboard, payload: str) -> None:
    board.publish("fer/v1/test/command/pause", payload)


def states(board: Dashboard) -> list[str]:
    return [body["state"] for body in board.payloads("/status")]


def test_a_command_closes_the_camera_over_a_restart_until_another_opens_it(
    daemon: StartDaemon, mosquitto: StartMosquitto, dashboard: OpenDashboard
) -> None:
    broker = mosquitto()
    board = dashboard(broker)
    running = daemon(broker.port, mqtt={"host": "127.0.0.1", "port": broker.port, "commands": True})
    board.wait(lambda: len(aggregates(board)) >= 2)

    command(board, '{"paused": true}')
    running.wait("astronaut.mp4: closed for a pause")
    board.wait(lambda: states(board)[-1:] == ["paused"])
    running.kill()
    running.start()
    restarted_s = running.wait("READY=1", since_s=time.monotonic())
    fed_s = running.wait("WATCHDOG=1", since_s=restarted_s)
    running.wait("WATCHDOG=1", since_s=fed_s + 0.1)
    before = len(aggregates(board))
    lives = len(board.payloads("/live"))
    board.wait(lambda: board.payloads("/availability")[-1] == "online" and states(board)[-1] == "paused")
    paused = len(aggregates(board)) - before, len(board.payloads("/live")) - lives
    command(board, '{"paused": false}')
    board.wait(lambda: len(aggregates(board)) >= before + 2)

    assert board.payloads("/info")[0]["commands"] == ["pause"]
    assert paused == (0, 0)
    assert not running.said("stall")
    seqs = [window["seq"] for window in aggregates(board)]
    assert sorted(set(seqs)) == list(range(1, max(seqs) + 1)), "a pause leaves no gap"
    assert not (running.folder / "outbox.sqlite.pause").exists()


def test_in_quiet_hours_the_camera_is_not_even_opened_and_systemd_is_content(
    daemon: StartDaemon, mosquitto: StartMosquitto, dashboard: OpenDashboard, tmp_path: Path
) -> None:
    broker = mosquitto()
    board = dashboard(broker)

    running = daemon(
        broker.port, camera=replay(tmp_path / "absent.mp4"), privacy={"quiet_hours": ["00:00-12:00", "12:00-24:00"]}
    )
    fed_s = running.wait("WATCHDOG=1")
    running.wait("WATCHDOG=1", since_s=fed_s + 0.1)
    board.wait(lambda: states(board)[-1:] == ["paused"])

    assert running.said(READY)
    assert running.said("STATUS=paused: by quiet_hours")
    assert board.payloads("/status")[-1]["paused"] == {"reason": "quiet_hours", "until": None}
    assert aggregates(board) == []
    assert board.payloads("/live") == []
    assert running.stop() == 0
