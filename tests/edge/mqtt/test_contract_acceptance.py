"""The real daemon, heard by mosquitto_sub: an MQTT implementation that is not the daemon's own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[3]
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


def daemon(
    broker: Any, folder: Path, *, protocol: str = "5", loop: bool = False, access: str = ""
) -> subprocess.Popen[bytes]:
    """The real one on the demo clip, from beginning to end or for ever."""
    config = folder / "fer-edge.toml"
    config.write_text(
        f'device.id = "test"\n[camera]\nkind = "replay"\npath = "{REPOSITORY}/edge/media/astronaut.mp4"\n'
        f'pace = "fast"\nloop = {str(loop).lower()}\n[privacy]\nmin_people = 1\n[window]\nduration_s = 1\n'
        f'[mqtt]\nhost = "{broker.host}"\nport = {broker.port}\nprotocol = "{protocol}"\n{access}',
        "utf-8",
    )
    command = [sys.executable, "-m", "edge", "run", "--config", str(config)]
    return subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.DEVNULL)


def run_daemon(broker: Any, folder: Path, **options: Any) -> None:
    """The demo clip from beginning to end."""
    assert daemon(broker, folder, **options).wait(60) == 0


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


def test_who_comes_later_hears_what_is_retained_with_its_properties_and_no_old_reading(
    mosquitto: Any, subscribe: Any, tmp_path: Path
) -> None:
    broker = mosquitto()
    run_daemon(broker, tmp_path)

    late = subscribe(broker, "-V", "mqttv5", "-t", "#", "-W", "2", "-F", "%t %q %r %C %F %E|%P")
    output, _ = late.communicate(timeout=20)

    lines = sorted(re.sub(r" 1[78][0-9]\|", " <180|", line) for line in output.splitlines())
    assert lines == [
        "fer/v1/test/availability 1 1 text/plain 1 |",
        "fer/v1/test/info 1 1 application/json 1 |schema:fer-edge/info/1 device:test",
        "fer/v1/test/status 1 1 application/json 1 <180|schema:fer-edge/status/1 device:test",
        "homeassistant/device/test/config 1 1 application/json 1 |",
    ]


def test_windows_carry_their_schema_and_device_beside_them(mosquitto: Any, subscribe: Any, tmp_path: Path) -> None:
    broker = mosquitto()
    listener = subscribe(broker, "-V", "mqttv5", "-t", "fer/v1/+/+/aggregate", "-C", "1", "-F", "%q %r %C|%P")

    with daemon(broker, tmp_path, loop=True) as running:
        line = listener.stdout.readline()
        running.terminate()

    assert line == "1 0 application/json|schema:fer-edge/aggregate/1 device:test\n"


def test_the_last_will_says_offline_as_the_device_itself_would(mosquitto: Any, subscribe: Any, tmp_path: Path) -> None:
    broker = mosquitto()
    listener = subscribe(broker, "-V", "mqttv5", "-t", "fer/v1/test/availability", "-F", "%p %q %C %F")

    with daemon(broker, tmp_path, loop=True) as running:
        online = listener.stdout.readline()
        running.kill()
    said = [online, listener.stdout.readline()]

    assert said == ["online 1 text/plain 1\n", "offline 1 text/plain 1\n"]


def test_a_device_says_the_same_in_the_older_version_of_mqtt(mosquitto: Any, subscribe: Any, tmp_path: Path) -> None:
    said = {}
    for protocol in ("5", "3.1.1"):
        broker = mosquitto()
        run_daemon(broker, tmp_path, protocol=protocol)
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
    mosquitto: Any, subscribe: Any, certificates: Any, tmp_path: Path
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

    access = f'username = "sensor"\npassword_file = "{secret}"\ntls_ca = "{certificates.ca}"\n'
    with daemon(broker, tmp_path, loop=True, access=access) as running:
        line = listener.stdout.readline()
        running.terminate()

    assert line == "fer/v1/test/cam0/aggregate\n"
