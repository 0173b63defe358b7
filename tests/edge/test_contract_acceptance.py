"""The real daemon, heard by mosquitto_sub: an MQTT implementation that is not the daemon's own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
ENDING = ["fer/v1/test/availability", "1", "0", "offline"]


@pytest.fixture
def subscribe() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """``subscribe(broker, *options)`` starts mosquitto_sub, which writes topic, QoS, retained and payload a line."""
    program = shutil.which("mosquitto_sub")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI needs the mosquitto_sub program: apt-get install mosquitto-clients")
        pytest.skip("needs the mosquitto_sub program (apt-get install mosquitto-clients)")
    listeners: list[subprocess.Popen[str]] = []

    def make(broker: Any, *options: str) -> subprocess.Popen[str]:
        command = [program, "-h", broker.host, "-p", str(broker.port), "-q", "1", "-F", "%t %q %r %p", *options]
        listeners.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return listeners[-1]

    yield make
    for listener in listeners:
        listener.kill()
        listener.communicate()


def heard(listener: subprocess.Popen[str]) -> list[list[str]]:
    """Topic, QoS, retained and payload of each message until the device says goodbye."""
    assert listener.stdout is not None
    messages: list[list[str]] = []
    while not messages or messages[-1] != ENDING:
        line = listener.stdout.readline()
        assert line, messages
        messages.append(line.rstrip("\n").split(" ", 3))
    return messages


def run_daemon(broker: Any, folder: Path) -> None:
    """The demo clip from beginning to end."""
    config = folder / "fer-edge.toml"
    config.write_text(
        f'device.id = "test"\n[camera]\nkind = "replay"\npath = "{REPOSITORY}/edge/media/astronaut.mp4"\n'
        f'pace = "fast"\n[privacy]\nmin_people = 1\n[window]\nduration_s = 1\n'
        f'[mqtt]\nhost = "{broker.host}"\nport = {broker.port}\n',
        "utf-8",
    )
    command = [sys.executable, "-m", "edge", "run", "--config", str(config)]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, timeout=60)


def test_a_foreign_subscriber_hears_the_whole_contract_in_both_versions_of_mqtt(
    mosquitto: Any, subscribe: Any, contract: Callable[[str, bytes], None], tmp_path: Path
) -> None:
    broker = mosquitto()
    # A retained message tells that a subscription stands.
    subprocess.run(
        ["mosquitto_pub", "-h", broker.host, "-p", str(broker.port), "-r", "-t", "ready", "-m", "yes"], check=True
    )
    listeners = [
        subscribe(broker, "-V", version, "-t", "ready", "-t", "fer/v1/#") for version in ("mqttv311", "mqttv5")
    ]
    assert [listener.stdout.readline() for listener in listeners] == ["ready 0 1 yes\n"] * 2

    run_daemon(broker, tmp_path)

    for messages in map(heard, listeners):
        for topic, _, _, payload in messages:
            contract(topic, payload.encode())
        windows = [json.loads(payload) for topic, *_, payload in messages if topic.endswith("/aggregate")]
        assert [window["seq"] for window in windows] == [1, 2, 3, 4, 5]
        assert {window["dominant"] for window in windows} == {"happy"}
        assert {(topic.rpartition("/")[2], qos) for topic, qos, _, _ in messages} >= {
            ("availability", "1"),
            ("status", "1"),
            ("info", "1"),
            ("aggregate", "1"),
        }


def test_who_comes_later_hears_what_is_retained_and_no_old_reading(
    mosquitto: Any, subscribe: Any, tmp_path: Path
) -> None:
    broker = mosquitto()
    run_daemon(broker, tmp_path)

    late = subscribe(broker, "-V", "mqttv5", "-t", "#", "-W", "2", "-F", "%t %q %r %C")
    output, _ = late.communicate(timeout=20)

    assert sorted(output.splitlines()) == [
        "fer/v1/test/availability 1 1 text/plain",
        "fer/v1/test/info 1 1 application/json",
        "fer/v1/test/status 1 1 application/json",
        "homeassistant/device/test/config 1 1 application/json",
    ]
