"""The real daemon, heard by mosquitto_sub: an MQTT implementation that is not the daemon's own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.edge.conftest import Certificates
from tests.support.daemon import Daemon, StartDaemon, replay
from tests.support.mosquitto import Mosquitto, StartMosquitto

Listener: TypeAlias = "subprocess.Popen[str]"
Subscribe: TypeAlias = Callable[..., Listener]
Play: TypeAlias = Callable[..., Daemon]

ENDING = ["fer/v1/test/availability", "1", "0", "offline"]


@pytest.fixture
def subscribe() -> Iterator[Subscribe]:
    """``subscribe(broker, *options)`` starts mosquitto_sub, which writes topic, QoS, retained and payload a line."""
    program = shutil.which("mosquitto_sub")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI needs the mosquitto_sub program: apt-get install mosquitto-clients")
        pytest.skip("needs the mosquitto_sub program (apt-get install mosquitto-clients)")
    listeners: list[Listener] = []

    def make(broker: Mosquitto, *options: str) -> Listener:
        command = [program, "-h", broker.host, "-p", str(broker.port), "-q", "1", "-F", "%t %q %r %p", *options]
        listeners.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return listeners[-1]

    yield make
    for listener in listeners:
        listener.kill()
        listener.communicate()


def line_of(listener: Listener) -> str:
    """The next line that it writes."""
    assert listener.stdout is not None
    return listener.stdout.readline()


def heard(listener: Listener) -> list[list[str]]:
    """Topic, QoS, retained and payload of each message until the device says goodbye."""
    messages: list[list[str]] = []
    while not messages or messages[-1] != ENDING:
        line = line_of(listener)
        assert line, messages
        messages.append(line.rstrip("\n").split(" ", 3))
    return messages


@pytest.fixture
def play(daemon: StartDaemon) -> Play:
    """``play(broker, loop=False, **mqtt)`` starts the daemon on the demo clip, with further keys of [mqtt]."""

    def make(broker: Mosquitto, *, loop: bool = False, **mqtt: object) -> Daemon:
        camera = replay(pace="fast", loop=loop)
        return daemon(broker.port, camera=camera, privacy={"min_people": 1}, outbox={"path": ""}, mqtt=mqtt)

    return make


def test_a_foreign_subscriber_hears_the_whole_contract_in_both_versions_of_mqtt(
    mosquitto: StartMosquitto, subscribe: Subscribe, play: Play, contract: Callable[[str, bytes], None]
) -> None:
    broker = mosquitto()
    # A retained message tells that a subscription stands.
    subprocess.run(
        ["mosquitto_pub", "-h", broker.host, "-p", str(broker.port), "-r", "-t", "ready", "-m", "yes"], check=True
    )
    listeners = [
        subscribe(broker, "-V", version, "-t", "ready", "-t", "fer/v1/#") for version in ("mqttv311", "mqttv5")
    ]
    assert [line_of(listener) for listener in listeners] == ["ready 0 1 yes\n"] * 2

    assert play(broker).finish() == 0

    for messages in map(heard, listeners):
        for topic, _, _, payload in messages:
            contract(topic, payload.encode())
        windows = [json.loads(payload) for topic, *_, payload in messages if topic.endswith("/aggregate")]
        assert [window["seq"] for window in windows] == [1, 2, 3, 4, 5]
        assert {window["dominant"] for window in windows[2:]} == {"happy"}  # then it has been seen to move
        assert {(topic.rpartition("/")[2], qos) for topic, qos, _, _ in messages} >= {
            ("availability", "1"),
            ("status", "1"),
            ("info", "1"),
            ("aggregate", "1"),
        }


def test_who_comes_later_hears_what_is_retained_with_its_properties_and_no_old_reading(
    mosquitto: StartMosquitto, subscribe: Subscribe, play: Play
) -> None:
    broker = mosquitto()
    assert play(broker).finish() == 0

    late = subscribe(broker, "-V", "mqttv5", "-t", "#", "-W", "2", "-F", "%t %q %r %C %F %E|%P")
    output, _ = late.communicate(timeout=20)

    lines = sorted(re.sub(r" 1[78][0-9]\|", " <180|", line) for line in output.splitlines())
    assert lines == [
        "fer/v1/test/availability 1 1 text/plain 1 |",
        "fer/v1/test/info 1 1 application/json 1 |schema:fer-edge/info/1 device:test",
        "fer/v1/test/status 1 1 application/json 1 <180|schema:fer-edge/status/1 device:test",
        "homeassistant/device/test/config 1 1 application/json 1 |",
    ]


def test_windows_carry_their_schema_and_device_beside_them(
    mosquitto: StartMosquitto, subscribe: Subscribe, play: Play
) -> None:
    broker = mosquitto()
    listener = subscribe(broker, "-V", "mqttv5", "-t", "fer/v1/+/+/aggregate", "-C", "1", "-F", "%q %r %C|%P")

    play(broker, loop=True)
    line = line_of(listener)

    assert line == "1 0 application/json|schema:fer-edge/aggregate/1 device:test\n"


def test_the_last_will_says_offline_as_the_device_itself_would(
    mosquitto: StartMosquitto, subscribe: Subscribe, play: Play
) -> None:
    broker = mosquitto()
    listener = subscribe(broker, "-V", "mqttv5", "-t", "fer/v1/test/availability", "-F", "%p %q %C %F")

    running = play(broker, loop=True)
    online = line_of(listener)
    running.kill()
    said = [online, line_of(listener)]

    assert said == ["online 1 text/plain 1\n", "offline 1 text/plain 1\n"]


def test_a_device_says_the_same_in_the_older_version_of_mqtt(
    mosquitto: StartMosquitto, subscribe: Subscribe, play: Play
) -> None:
    said = {}
    for protocol in ("5", "3.1.1"):
        broker = mosquitto()
        assert play(broker, protocol=protocol).finish() == 0
        late = subscribe(broker, "-V", "mqttv5", "-t", "#", "-W", "1", "-F", "%t %q %r %p")
        output, _ = late.communicate(timeout=20)
        messages = [line.split(" ", 3) for line in output.splitlines()]
        said[protocol] = {
            (topic, qos, retain, *json.loads(payload)) if payload.startswith("{") else (topic, qos, retain, payload)
            for topic, qos, retain, payload in messages
        }

    assert len(said["5"]) == 4
    assert said["5"] == said["3.1.1"]


def test_the_daemon_proves_itself_with_a_password_from_a_file_over_tls(
    mosquitto: StartMosquitto, subscribe: Subscribe, play: Play, certificates: Certificates, tmp_path: Path
) -> None:
    accounts, secret = tmp_path / "accounts", tmp_path / "secret"
    accounts.touch(mode=0o600)
    for user, password in (("sensor", "open sesame"), ("reader", "let me in")):
        subprocess.run(["mosquitto_passwd", "-b", accounts, user, password], check=True, capture_output=True)
    secret.write_text("open sesame\n")
    tls = [f"certfile {certificates.certificate}", f"keyfile {certificates.key}"]
    broker = mosquitto("allow_anonymous false", f"password_file {accounts}", *tls)
    reader = ("--cafile", str(certificates.ca), "-u", "reader", "-P", "let me in", "-t", "fer/v1/+/+/aggregate")
    listener = subscribe(broker, *reader, "-C", "1", "-F", "%t")
    stranger = subscribe(broker, "--cafile", str(certificates.ca), "-t", "#", "-W", "5")
    assert stranger.wait(10) != 0

    play(broker, loop=True, username="sensor", password_file=str(secret), tls_ca=str(certificates.ca))
    line = line_of(listener)

    assert line == "fer/v1/test/cam0/aggregate\n"
