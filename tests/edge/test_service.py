"""The real daemon as a process: real clip, real model, real broker, a second client that listens."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest

REPOSITORY = Path(__file__).parents[2]
CLIP = REPOSITORY / "edge" / "media" / "astronaut.mp4"

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """``start(broker, camera="...", extra="...", **environment)`` runs the daemon."""
    daemons: list[subprocess.Popen[str]] = []

    def make(broker: Any, *, clip: Path = CLIP, camera: str = "", extra: str = "", **environment: str) -> Any:
        config = tmp_path / "fer-edge.toml"
        config.write_text(
            f'device.id = "test"\n[camera]\nkind = "replay"\npath = "{clip}"\n{camera}\n'
            f'[window]\nduration_s = 1\n[mqtt]\nhost = "{broker.host}"\nport = {broker.port}\n{extra}',
            "utf-8",
        )
        daemon = subprocess.Popen(
            [sys.executable, "-m", "edge", "run", "--config", str(config)],
            cwd=REPOSITORY,
            env={"PATH": "/usr/bin", **environment},
            stderr=subprocess.PIPE,
            text=True,
        )
        daemons.append(daemon)
        return daemon

    yield make
    for daemon in daemons:
        daemon.kill()
        daemon.communicate()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """The service manager's end of the notification socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(20)
        yield listener


def aggregates(board: Any) -> list[dict[str, Any]]:
    return list(board.payloads("/aggregate"))


def test_a_clip_arrives_as_windows_without_a_gap(start: Start, mosquitto: Any, dashboard: Any) -> None:
    broker = mosquitto()
    board = dashboard(broker)

    daemon = start(broker, camera='pace = "fast"', extra="[privacy]\nmin_people = 1")
    board.wait(lambda: board.payloads("/availability") == ["online", "offline"], 60)

    windows = aggregates(board)
    assert daemon.wait(20) == 0
    assert [window["seq"] for window in windows] == [1, 2, 3, 4, 5]
    assert sum(window["frames"]["captured"] for window in windows) == 50
    assert {window["dominant"] for window in windows} == {"happy"}
    assert {window["faces"]["people"] for window in windows} == {1}


def test_alone_in_the_room_emotions_are_withheld(start: Start, mosquitto: Any, dashboard: Any) -> None:
    broker = mosquitto()
    board = dashboard(broker)

    start(broker, camera='pace = "fast"')
    board.wait(lambda: len(aggregates(board)) == 5, 60)

    assert {window["suppressed"] for window in aggregates(board)} == {"too_few_people"}
    assert {window["emotions"] for window in aggregates(board)} == {None}
    assert {room["emotions"] for room in board.payloads("/live")} <= {None}


def test_systemd_hears_ready_and_at_a_stop_offline_is_published(
    start: Start, mosquitto: Any, dashboard: Any, manager: socket.socket
) -> None:
    broker = mosquitto()
    board = dashboard(broker)

    daemon = start(broker, camera="loop = true", NOTIFY_SOCKET=manager.getsockname())
    heard = [manager.recv(500)]
    while heard[-1] != b"WATCHDOG=1":
        heard.append(manager.recv(500))
    daemon.send_signal(signal.SIGTERM)
    board.wait(lambda: board.payloads("/availability")[-1:] == ["offline"])

    assert heard[-2] == b"READY=1"
    assert daemon.wait(10) == 0
    assert [status["state"] for status in board.payloads("/status")][-1] == "stopping"


def test_without_a_camera_systemd_never_hears_ready(
    start: Start, mosquitto: Any, tmp_path: Path, manager: socket.socket
) -> None:
    daemon = start(mosquitto(), clip=tmp_path / "absent.mp4", NOTIFY_SOCKET=manager.getsockname())

    assert daemon.wait(20) == 1
    manager.settimeout(0)
    with pytest.raises(BlockingIOError):
        manager.recv(500)


def test_windows_of_a_run_without_a_broker_arrive_with_the_next(
    start: Start, mosquitto: Any, dashboard: Any, tmp_path: Path
) -> None:
    broker = mosquitto(start=False)
    kept = f'[outbox]\npath = "{tmp_path}/outbox.sqlite"'

    assert start(broker, camera='pace = "fast"', extra=kept).wait(60) == 0
    broker.start()
    board = dashboard(broker)
    start(broker, camera='pace = "fast"', extra=kept)
    board.wait(lambda: len(aggregates(board)) == 10, 60)

    windows = aggregates(board)
    assert sorted(window["seq"] for window in windows) == list(range(1, 11))
    assert {window["seq"] for window in windows if window["historical"]} >= {1, 2, 3, 4, 5}


def test_windows_that_nobody_took_and_nothing_keeps_are_told_as_lost(start: Start, mosquitto: Any) -> None:
    daemon = start(mosquitto(start=False), camera='pace = "fast"')

    _, said = daemon.communicate(timeout=60)

    assert "5 windows were not delivered and are lost; outbox.path would keep them" in said


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
    start: Start, mosquitto: Any, dashboard: Any, shared: Path, recording: str
) -> None:
    broker = mosquitto()
    board = dashboard(broker)
    frames = frames_of(shared / recording)

    daemon = start(broker, clip=shared / recording, camera='pace = "fast"')
    board.wait(lambda: "offline" in board.payloads("/availability"), 100)

    windows = aggregates(board)
    assert daemon.wait(10) == 0
    assert [window["seq"] for window in windows] == list(range(1, len(windows) + 1))
    assert sum(window["frames"]["captured"] for window in windows) == frames
    assert sum(window["frames"]["analysed"] for window in windows) == frames


def frames_of(recording: Path) -> int:
    """How many pictures OpenCV reads from a video or finds in a folder."""
    if recording.is_dir():
        return len(list(recording.iterdir()))
    video, frames = cv2.VideoCapture(str(recording)), 0
    while video.read()[0]:
        frames += 1
    return frames
