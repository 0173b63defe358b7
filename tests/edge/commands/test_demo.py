from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.commands.demo import run_demo
from edge.commands.demo_broker import mosquitto
from edge.errors import CameraError, FerEdgeError
from tests.support.paths import CLIP

pytest.importorskip("amqtt", reason="needs the extra fer-edge[demo]")

PUBLISHING_DAEMON = """
import pathlib, sys, time, tomllib
from edge.config import MqttConfig
from edge.mqtt.messages import Context, Device, Model, Privacy
from edge.mqtt.outbox import Outbox
from edge.mqtt.publisher import Publisher
from edge.labels import EMOTIONS
from edge.records import EmotionScores, WindowSummary
from edge.mqtt.wallclock import WallClock
pathlib.Path(sys.argv[1]).with_name("page").write_text("http://127.0.0.1:1/")
config = tomllib.load(open(sys.argv[1], "rb"))
mqtt = config["mqtt"]
device = Device(
    id=config["device"]["id"], source="cam0", version="0", camera="", detector="", labels=EMOTIONS, window_s=3.0,
    model=Model("m", "0" * 64, "h", "cpu"), privacy=Privacy(1, False), context=Context(),
)
broker = MqttConfig(mqtt["host"], mqtt["port"], mqtt["protocol"])
publisher = Publisher(broker, device, Outbox(None, device.id), WallClock())
scores = EmotionScores(tuple(float(name == "happy") for name in EMOTIONS))
publisher.start()
while True:
    publisher.publish_window(WindowSummary(0, 3, 30, 30, 1, 1, 1.0, scores, 0.0, None))
    time.sleep(0.2)
"""

DYING_DAEMON = "print('model folder is empty'); raise SystemExit(78)"

TELLING_DAEMON = """
import sys
from pathlib import Path
from edge.config_file import load
camera = load(Path(sys.argv[1])).camera
raise SystemExit(f"{camera.kind} {camera.loop} {camera.path}")
"""


def test_exactly_the_windows_asked_for_reach_the_standard_output_as_json(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status = run_demo(windows=3, json=True, clip=CLIP, daemon=[sys.executable, "-c", PUBLISHING_DAEMON])

    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert (status, len(lines)) == (0, 3)
    assert shown.err.endswith(
        "pictures at http://127.0.0.1:1/; the demo ends after 3 windows, --windows N shows more\n"
    )
    assert {json.loads(line)["dominant"] for line in lines} == {"happy"}
    assert [json.loads(line)["device"] for line in lines] == ["fer-demo"] * 3


@pytest.mark.parametrize("name", ["portrait.png", ""], ids=["an image", "a folder"])
def test_photographs_are_said_to_show_nobody_and_what_to_play_instead(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cv2.imwrite(str(tmp_path / "portrait.png"), np.zeros((120, 160), np.uint8))

    run_demo(windows=1, json=True, clip=tmp_path / name, daemon=[sys.executable, "-c", PUBLISHING_DAEMON])
    of_photographs = capsys.readouterr().err
    run_demo(windows=1, json=True, clip=CLIP, daemon=[sys.executable, "-c", PUBLISHING_DAEMON])
    of_a_film = capsys.readouterr().err

    told = "faces count once they have moved, as those on photographs hardly do: play a film to see people"
    assert told in of_photographs
    assert told not in of_a_film


def test_a_daemon_that_ends_is_reported_with_its_last_lines() -> None:
    with pytest.raises(FerEdgeError, match="ended with status 78; its last lines:\nmodel folder is empty") as caught:
        run_demo(windows=1, json=True, clip=CLIP, daemon=[sys.executable, "-c", DYING_DAEMON])

    assert caught.value.exit_code == 1


@pytest.mark.parametrize("name", ['a "film" \\ of 2026.mp4', "Übung\u202f\U0001f600.mp4"])
def test_the_daemon_of_the_demo_plays_a_film_of_ones_own_again_and_again(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(CLIP, tmp_path / name)
    monkeypatch.chdir(tmp_path)

    with pytest.raises(FerEdgeError) as ended:
        run_demo(windows=1, json=True, clip=Path(name), daemon=[sys.executable, "-c", TELLING_DAEMON])

    assert str(ended.value).endswith(f"\nreplay True {tmp_path / name}")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file or directory"),
        (b"", "holds nothing readable"),
        (b"no film", "holds nothing readable"),
        (CLIP.read_bytes()[:5000], "holds nothing readable"),
    ],
)
def test_a_film_that_cannot_be_played_is_named_in_one_sentence_before_the_demo_starts(
    content: bytes | None, reason: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    film = tmp_path / "mine.mp4"
    if content is not None:
        film.write_bytes(content)

    with pytest.raises(CameraError) as refused:
        run_demo(windows=1, json=True, clip=film)

    assert str(refused.value).startswith(f"replay {film}: {reason}; expected a video")
    assert "\n" not in str(refused.value)
    assert capfd.readouterr() == ("", "")


def test_a_film_whose_name_no_configuration_can_hold_is_refused(tmp_path: Path) -> None:
    film = tmp_path / os.fsdecode(b"na\xe9.mp4")
    shutil.copy(CLIP, film)

    with pytest.raises(FerEdgeError, match="is not UTF-8, which a configuration has to be; rename it"):
        run_demo(windows=1, json=True, clip=film)


@pytest.mark.broker
@pytest.mark.skipif(mosquitto() is None, reason="needs the program mosquitto")
def test_without_amqtt_the_broker_of_the_demo_is_mosquitto_and_ends_with_its_standard_input() -> None:
    program = "from edge.commands.demo_broker import mosquitto, run_mosquitto; run_mosquitto(mosquitto())"

    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        ports = [int(port) for port in process.stdout.readline().split()]
        reached = []
        for port in ports:
            with socket.create_connection(("127.0.0.1", port), timeout=5):
                reached.append(port)
        process.communicate()

    assert reached == ports
    assert len(ports) == 2
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", ports[0]), timeout=5)
