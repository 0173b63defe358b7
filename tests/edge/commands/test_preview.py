"""The preview as a process: what it shows, to whom, and when it ends."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import edge.commands.preview as command
from edge.commands.preview import preview as run_preview
from edge.commands.preview.view import View
from edge.config import CameraConfig, Config, PrivacyConfig
from edge.errors import ConfigError
from edge.health import Meter
from edge.host.camera_lock import hold_camera
from edge.host.quiet_hours import QuietHours
from edge.labels import EMOTIONS
from edge.mqtt.messages import Device
from edge.records import Face, Frame, Observation, Track, UnreadFace
from tests.support.daemon import configuration, replay
from tests.support.detector import SteadyDetector
from tests.support.paths import CLIP
from tests.support.preview import Preview, StartPreview, start_preview
from tests.support.waiting import eventually

ALONE = {"min_people": 1}


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Preview]:
    """A preview for all tests that only ask it."""
    running = start_preview(tmp_path_factory.mktemp("shown") / "preview", privacy=ALONE)
    yield running
    running.close()


def newest_with(preview: Preview, condition: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """The facts of the first frame for which ``condition`` holds."""
    facts: dict[str, Any] = {"number": 0}

    def holds() -> object:
        nonlocal facts
        facts, _ = preview.frame(facts["number"])
        return condition(facts)

    eventually(holds)
    return facts


def test_a_viewer_gets_the_picture_with_the_face_its_shares_and_the_message_it_became(shown: Preview) -> None:
    known = ("message", "fps", "detect", "classify")  # no time of a stage that had nothing to do lately
    facts = newest_with(shown, lambda facts: all(facts[each] for each in known) and facts["message"]["dominant"])
    _, jpeg = shown.frame()

    (face,) = facts["faces"]
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    assert picture.shape == (360, 480)
    assert (face["state"], max(face["shares"], key=face["shares"].get)) == ("read", "happy")
    assert set(face["shares"]) == set(EMOTIONS)
    assert facts["message"]["dominant"] == "happy"
    assert not {"id", "seq"} & set(facts["message"])
    assert min(facts["detect"]["p50"], facts["classify"]["p50"]) > 0


def test_a_face_below_min_face_px_is_shown_as_too_small(preview: StartPreview) -> None:
    running = preview(privacy=ALONE, detector={"min_face_px": 300})

    facts = newest_with(running, lambda facts: facts["faces"])

    assert {(face["state"], face["shares"]) for face in facts["faces"]} == {("too_small", None)}


@pytest.mark.parametrize(
    "withheld", [{"privacy": {"counts_only": True}}, {"deployment": {"context": "workplace"}}], ids=str
)
def test_where_emotions_are_withheld_the_preview_shows_none(preview: StartPreview, withheld: dict[str, Any]) -> None:
    running = preview(**withheld)

    facts = newest_with(running, lambda facts: facts["message"] and facts["faces"])

    assert {(face["state"], face["shares"]) for face in facts["faces"]} == {("seen", None)}
    assert facts["message"]["emotions"] is None


def test_what_the_configuration_masks_is_black_in_the_picture(preview: StartPreview) -> None:
    left_half = [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]
    running = preview(camera=replay(loop=True, mask=[left_half]))

    facts, jpeg = running.frame()

    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    assert picture[:, :200].max() < 10 < picture[:, 280:].mean()
    assert facts["mask"] == [left_half]


def test_every_reason_not_to_read_a_face_is_shown_as_it_is(device: Device) -> None:
    face, frame = Face(10, 10, 60, 60, 0.9), Frame(0, 0.0, np.zeros((120, 160), np.uint8))
    turned, still, new = Track(1, face, True), Track(2, face, True), Track(3, face, False)
    view = View(Config())
    view.welcome(device, Meter(), SteadyDetector(()))

    view.see(frame, (turned, still, new), Observation(0, 0.0, (), (UnreadFace(turned, "turned"),), (still,)))

    shot = view.newest(0, 1.0)
    assert shot is not None
    facts = json.loads(shot.body.partition(b"\n")[0])
    assert [face["state"] for face in facts["faces"]] == ["turned", "still", "new"]


def test_nobody_sees_the_picture_without_the_token(shown: Preview) -> None:
    answers = [
        shown.ask("/frame"),
        shown.ask("/frame", Authorization="Bearer "),
        shown.ask("/frame", Authorization=f"Bearer {shown.token}x"),
        shown.ask("/frame", Authorization=f"Bearer {shown.token[:-1]}é"),
        shown.ask(f"/frame?token={shown.token}"),
    ]

    assert {status for status, _, _ in answers} == {403}
    assert not any(shown.token.encode() in body for _, _, body in answers)
    assert shown.token.encode() not in shown.ask("/")[2]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "[::1", ""])
def test_a_name_of_somebody_else_that_points_to_this_machine_is_refused(shown: Preview, host: str) -> None:
    status, _, body = shown.ask("/frame", Host=host, Authorization=f"Bearer {shown.token}")

    assert (status, b"JFIF" in body) == (421, False)


@pytest.mark.parametrize("host", ["localhost:9000", "127.0.0.1", "[::1]:8765", "192.168.1.7:8765"])
def test_through_a_tunnel_it_answers_under_the_name_used_there(shown: Preview, host: str) -> None:
    status, headers, body = shown.ask("/frame", Host=host, Authorization=f"Bearer {shown.token}")

    assert (status, b"JFIF" in body) == (200, True)
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["X-Frame-Options"] == "DENY"
    assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize("path", ["/../view.py", "/%2e%2e/view.py", "//etc/passwd", "/page/index.html", "/dashboard/"])
def test_only_the_files_of_the_page_are_served(shown: Preview, path: str) -> None:
    assert shown.ask(path)[0] == 404


def test_a_viewer_that_takes_nothing_holds_up_nobody(shown: Preview) -> None:
    request = f"GET /frame HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {shown.token}\r\n\r\n".encode()
    slow = [socket.create_connection(("127.0.0.1", shown.port)) for _ in range(3)]
    for viewer in slow:
        viewer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        viewer.sendall(200 * request)  # more than it will ever read

    first, _ = shown.frame()
    later = newest_with(shown, lambda facts: facts["number"] >= first["number"] + 10)

    assert later["fps"] is None or later["fps"] > 5
    for viewer in slow:
        viewer.close()


def test_it_writes_nothing_and_ends_with_0_at_ctrl_c(preview: StartPreview) -> None:
    running = preview()
    running.frame()

    running.process.send_signal(signal.SIGINT)

    assert running.process.wait(20) == 0
    assert [path.name for path in running.folder.rglob("*")] == ["fer-edge.toml"]


def test_it_ends_when_nobody_has_watched_for_long(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "IDLE_S", 0.5)
    clip = Config(camera=CameraConfig(kind="replay", path=str(CLIP), loop=True))
    stop = threading.Event()

    run_preview(clip, stop)

    assert stop.is_set()
    assert "nobody watched" in capsys.readouterr().err


def test_a_recording_however_short_is_played_until_somebody_has_seen_it(preview: StartPreview, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "one.png"), np.zeros((48, 64), np.uint8))
    running = preview(camera=replay(tmp_path / "one.png", loop=False, pace="fast"))

    assert newest_with(running, lambda facts: facts["number"] > 10)


def test_in_quiet_hours_nobody_is_seen_and_when_they_begin_it_ends(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = CameraConfig(kind="replay", path=str(CLIP), loop=True)
    always = Config(camera=clip, privacy=PrivacyConfig(quiet_hours=("00:00-24:00",)))
    begun = iter([False, False])
    monkeypatch.setattr(QuietHours, "include", lambda *_: next(begun, True))

    run_preview(Config(camera=clip), threading.Event())

    assert "privacy.quiet_hours have begun; stopped" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="keep the camera closed now"):
        run_preview(always, threading.Event())


def test_a_port_that_is_taken_is_told_before_the_camera_opens(shown: Preview, tmp_path: Path) -> None:
    absent = Config(camera=CameraConfig(kind="replay", path=str(tmp_path / "absent.mp4")))

    with pytest.raises(ConfigError, match=f"cannot listen at 127.0.0.1 port {shown.port} .*--port"):
        run_preview(absent, threading.Event(), port=shown.port)


def test_open_to_the_network_it_says_what_that_means(preview: StartPreview) -> None:
    running = preview("--host", "0.0.0.0")

    assert running.process.stderr is not None
    assert "not encrypted" in running.process.stderr.readline()
    assert running.ask("/frame")[0] == 403


def test_it_does_not_run_beside_the_service(tmp_path: Path) -> None:
    section = {"kind": "stream", "url": "http://127.0.0.1:9/stream"}
    (tmp_path / "fer-edge.toml").write_text(configuration(1, camera=section), "utf-8")
    arguments = [sys.executable, "-m", "edge", "preview", "--config", str(tmp_path / "fer-edge.toml")]

    with hold_camera(section["url"]):
        ended = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)

    assert ended.returncode == 1
    assert "another fer-edge uses it; stop the service" in ended.stderr
