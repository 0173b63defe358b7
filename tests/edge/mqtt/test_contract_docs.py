"""docs/mqtt.md run as its reader would: every example is valid, every consumer receives what a device sends."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge.config import MqttConfig
from edge.mqtt.codec import Message, encode
from edge.mqtt.compose import aggregate, live, status
from edge.mqtt.connection import Acknowledged, Connection
from edge.mqtt.home_assistant import discovery
from edge.mqtt.messages import Availability, Device
from edge.mqtt.wallclock import WallClock
from edge.records import Health, Problem, RoomReading, WindowSummary
from tests.support.dashboard import Address
from tests.support.mosquitto import StartMosquitto
from tests.support.paths import ROOT

PAGE = (ROOT / "docs" / "mqtt.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
KINDS = sorted(path.stem for path in (ROOT / "docs" / "schemas").glob("*.json"))


Summary = Callable[..., WindowSummary]
Run = Callable[..., "subprocess.Popen[str]"]


def blocks(text: str, language: str) -> list[str]:
    """Fenced code of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.fixture
def run() -> Iterator[Run]:
    """``run(command, ...)`` starts a consumer."""
    started: list[subprocess.Popen[str]] = []

    def make(command: list[str], **options: Any) -> subprocess.Popen[str]:
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True, **options))
        return started[-1]

    yield make
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def line_of(consumer: subprocess.Popen[str]) -> str:
    """The next line that it writes."""
    assert consumer.stdout is not None
    return consumer.stdout.readline()


def say(broker: Address, *messages: Message) -> None:
    """Publish, each one acknowledged before the next."""
    connection = Connection(MqttConfig(broker.host, broker.port), "speaker")
    for message in messages:
        mid = connection.publish(message)
        while (event := connection.next_event(10)) is None or not isinstance(event, Acknowledged) or event.mid != mid:
            assert event is not None
    connection.close(1.0)


@pytest.mark.parametrize("kind", KINDS)
def test_the_example_of_each_topic_keeps_the_contract(contract: Callable[[str, bytes], None], kind: str) -> None:
    (example,) = blocks(SECTIONS[kind], "json")

    contract(f"fer/v1/fer-1a2b3c4d/cam0/{kind}", example.encode())


def test_the_table_of_problems_is_complete() -> None:
    schema = json.loads((ROOT / "docs" / "schemas" / "status.json").read_text("utf-8"))

    codes = schema["$defs"]["ReportedProblem"]["properties"]["code"]["enum"]

    assert re.findall(r"^\| `(\w+)` \|", SECTIONS["status"], re.MULTILINE) == codes


def test_the_python_consumer_keeps_each_window_once_and_its_query_finds_the_gap(
    mosquitto: StartMosquitto, device: Device, summary: Summary, run: Run, tmp_path: Path
) -> None:
    broker = mosquitto()
    (program,) = blocks(SECTIONS["A consumer in Python"], "python")
    (query,) = blocks(SECTIONS["A consumer in Python"], "sql")
    windows = [aggregate(device, "5eed0001", seq, summary(), WallClock()) for seq in (1, 2, 5)]
    assert '"localhost", 1883' in program
    # In place of the endless loop: subscribe, hear what comes, and end with the last window.
    program = program.replace('"localhost", 1883', f'"{broker.host}", {broker.port}')
    program = program.replace("client.loop_forever()", ENDING)

    consumer = run([sys.executable, "-c", program], cwd=tmp_path)
    assert line_of(consumer) == "subscribed\n"
    say(broker, *map(encode, (windows[0], windows[1], windows[1].replayed(), windows[2])))

    assert consumer.wait(20) == 0
    table = sqlite3.connect(tmp_path / "windows.db")
    assert [row[0] for row in table.execute("SELECT seq FROM windows ORDER BY seq")] == [1, 2, 5]
    assert table.execute(query).fetchall() == [(device.id, 3, 4)]
    table.close()


ENDING = """
client.on_subscribe = lambda *_: print("subscribed", flush=True)
while not table.execute("SELECT 1 FROM windows WHERE seq = 5").fetchall():
    client.loop()
"""


def test_the_shell_consumer_prints_a_line_of_csv_per_window(
    mosquitto: StartMosquitto, device: Device, summary: Summary, run: Run
) -> None:
    for program in ("mosquitto_sub", "jq"):
        if shutil.which(program) is None:
            pytest.skip(f"needs the program {program}")
    broker = mosquitto()
    (line,) = blocks(SECTIONS["A consumer in a shell"], "sh")
    assert "-h localhost " in line
    # A retained message on a second topic tells that the subscription stands.
    ready = Message("test/ready", b'{"device": "ready"}', retain=True)
    say(broker, ready)
    line = line.replace("-h localhost ", f"-h {broker.host} -p {broker.port} -t test/ready ")

    consumer = run(["sh", "-c", f"exec 2>&1; {line.strip()}"])
    assert line_of(consumer) == ',"ready",,,\n'
    say(broker, encode(aggregate(device, "5eed0001", 7, summary(), WallClock(is_set=lambda _now_s: False))))

    assert line_of(consumer) == ',"fer-1a2b3c4d",7,7,"neutral"\n'


@pytest.mark.parametrize(
    ("section", "line"),
    [
        ("availability", "fer/v1/fer-1a2b3c4d/availability online"),
        ("status", "fer-1a2b3c4d: The processor is too hot."),
        ("info", "fer-1a2b3c4d\t0.1.0\tstudent-0-1408ba4a\tfoyer\t"),
        ("live", "fer-1a2b3c4d/cam0 2"),
        ("discovery", "sensor.fer_1a2b3c4d_people_now People now"),
    ],
)
def test_the_command_for_each_topic_prints_what_the_page_says(
    mosquitto: StartMosquitto, device: Device, health: Health, run: Run, section: str, line: str
) -> None:
    for program in ("mosquitto_sub", "jq"):
        if shutil.which(program) is None:
            pytest.skip(f"needs the program {program}")
    broker, clock = mosquitto(), WallClock()
    hot = replace(health, problems=(Problem("throttled", "The processor is too hot."),))
    said = {
        "availability": encode(Availability(device.id, online=True)),
        "status": encode(status(device, hot, clock)),
        "info": encode(device),
        "live": encode(live(device, RoomReading(2, None, "windows_only"), clock)),
        "discovery": discovery(device),
    }
    (command,) = blocks(SECTIONS[section], "sh")
    assert "-h localhost " in command
    # Retained, so that it does not matter who comes first.
    say(broker, replace(said[section], retain=True, qos=1))

    consumer = run(["sh", "-c", command.replace("-h localhost ", f"-h {broker.host} -p {broker.port} ")])

    assert line_of(consumer) == f"{line}\n"
