"""The broker example of deploy/broker, run as it is: who may say and hear what."""

from __future__ import annotations

import re
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from threading import Event
from typing import Any

import pytest
from msgspec import structs
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from edge.errors import BrokerError
from edge.mqtt.codec import Message
from edge.mqtt.connection import Acknowledged, Connection, Lost, Received
from edge.mqtt.messages import Device
from edge.mqtt.outbox import Outbox
from edge.mqtt.publisher import Publisher
from edge.mqtt.wallclock import WallClock
from tests.deploy.conftest import Certify, Site

EXAMPLE = Path(__file__).parents[2] / "deploy" / "broker"
OWN_TOPICS = ("fer/v1/fer-a/availability", "fer/v1/fer-a/cam0/aggregate", "homeassistant/device/fer-a/config")


def answer_to(connection: Connection, topic: str, payload: bytes = b"x") -> str | None:
    """Why the broker refuses a publication; None when it takes it."""
    mid = connection.publish(Message(topic, payload))
    while True:
        match connection.next_event(10):
            case Acknowledged(answered) as answer if answered == mid:
                return answer.reason if answer.refused else None
            case None:
                pytest.fail("no answer")


def listen(connection: Connection, topic: str) -> None:
    """Subscribe; the broker answers in order, so that afterwards nothing is missed."""
    connection.subscribe(topic)
    answer_to(connection, "subscribed")


def next_received(connection: Connection) -> Received:
    while True:
        match connection.next_event(10):
            case Received() as received:
                return received
            case None:
                pytest.fail("nothing was heard")


def test_a_device_writes_its_own_topics(site: Site) -> None:
    device = site.connect("fer-a")

    assert [answer_to(device, topic) for topic in OWN_TOPICS] == [None, None, None]


@pytest.mark.parametrize(
    "topic",
    [
        "fer/v1/fer-b/availability",
        "fer/v1/fer-b/cam0/aggregate",
        "fer/v2/fer-a/status",
        "homeassistant/device/fer-b/config",
        "homeassistant/status",
    ],
)
@pytest.mark.row(32, "a device writes to")
def test_a_device_cannot_write_what_is_not_its_own(site: Site, topic: str) -> None:
    assert answer_to(site.connect("fer-a"), topic) == "Not authorized"


def test_a_device_hears_home_assistant_start_and_no_other_device(site: Site) -> None:
    device, other, home_assistant = site.connect("fer-a"), site.connect("fer-b"), site.connect("home-assistant")
    listen(device, "#")

    answer_to(other, "fer/v1/fer-b/status")
    answer_to(home_assistant, "homeassistant/status", b"online")

    assert next_received(device) == Received("homeassistant/status", b"online", retained=False)


@pytest.mark.parametrize("name", ["operator", "home-assistant"])
def test_an_operator_pauses_a_device_and_only_that_device_hears_it(site: Site, name: str) -> None:
    device, other, operator = site.connect("fer-a"), site.connect("fer-b"), site.connect(name)
    listen(other, "fer/v1/fer-a/command/pause")
    listen(other, "homeassistant/status")
    listen(device, "fer/v1/fer-a/command/pause")

    answer = answer_to(operator, "fer/v1/fer-a/command/pause", b"pause")
    answer_to(site.connect("home-assistant"), "homeassistant/status", b"online")

    assert answer is None
    assert next_received(device).payload == b"pause"
    assert next_received(other).topic == "homeassistant/status"


@pytest.mark.parametrize("name", ["fer-b", "dashboard", "archive-1", "telegraf"])
def test_nobody_else_can_pause_a_device(site: Site, name: str) -> None:
    assert answer_to(site.connect(name), "fer/v1/fer-a/command/pause") == "Not authorized"


@pytest.mark.parametrize("name", ["dashboard", "home-assistant", "archive-1", "operator", "telegraf"])
def test_who_reads_hears_every_device_and_is_none(site: Site, name: str) -> None:
    reader, device = site.connect(name), site.connect("fer-a")
    listen(reader, "fer/v1/+/#")

    answer_to(device, "fer/v1/fer-a/cam0/aggregate", b"window")

    assert next_received(reader).payload == b"window"
    assert answer_to(reader, "fer/v1/fer-a/cam0/aggregate") == "Not authorized"
    assert answer_to(reader, f"fer/v1/{name}/cam0/aggregate") == "Not authorized"


@pytest.mark.row(32, "a certificate with another's client id; its queue")
def test_a_client_id_belongs_to_its_certificate(site: Site) -> None:
    """A stranger that calls itself like an archive which is away does not get what waits for that one."""
    with listening(site, certificate="archive-1", client_id="archive-1"):
        pass
    device = site.connect("fer-a")
    windows = [str(number).encode() for number in range(20)]
    for window in windows:
        answer_to(device, "fer/v1/fer-a/cam0/aggregate", window)

    with (
        listening(site, certificate="fer-b", client_id="archive-1") as overheard,
        listening(site, certificate="archive-1", client_id="archive-1") as heard,
    ):
        assert [heard.get(timeout=10) for _ in windows] == windows
        assert overheard.empty()


@contextmanager
def listening(site: Site, *, certificate: str, client_id: str) -> Iterator[SimpleQueue[bytes]]:
    """Subscribed to all windows in a session of ``client_id``, which is kept."""
    heard: SimpleQueue[bytes] = SimpleQueue()
    subscribed = Event()
    client = Client(CallbackAPIVersion.VERSION2, client_id, clean_session=False)
    ca, certificate_file, key = (
        str(site.folder / file) for file in ("ca.pem", f"{certificate}.pem", f"{certificate}.key")
    )
    client.tls_set(ca, certificate_file, key)
    client.on_connect = lambda client, *_: client.subscribe("fer/v1/+/+/aggregate", 1)
    client.on_subscribe = lambda *_: subscribed.set()
    client.on_message = lambda _client, _data, message: heard.put(bytes(message.payload))
    client.connect("127.0.0.1", site.mosquitto.port)
    client.loop_start()
    assert subscribed.wait(10)
    yield heard
    client.disconnect()
    client.loop_stop()


@pytest.mark.row(32, "a message of 100 kB")
def test_a_message_larger_than_any_of_ours_is_not_taken(site: Site) -> None:
    reader, device = site.connect("dashboard"), site.connect("fer-a")
    listen(reader, "fer/v1/+/#")

    device.limits = replace(device.limits, packet_bytes=2**28)  # a device of ours would not send it
    device.publish(Message("fer/v1/fer-a/info", b"x" * 100_000, retain=True))

    while not isinstance(event := device.next_event(10), Lost):
        assert event is not None, "the broker took it"
    answer_to(site.connect("fer-b"), "fer/v1/fer-b/info", b"small")
    assert next_received(reader).payload == b"small"


def test_a_dashboard_cannot_invent_entities(site: Site) -> None:
    assert answer_to(site.connect("dashboard"), "homeassistant/device/dashboard/config") == "Not authorized"


def test_without_a_certificate_nobody_comes_in(site: Site) -> None:
    with pytest.raises(BrokerError):
        site.connect(None)


def test_a_certificate_of_another_authority_does_not_count(site: Site, tmp_path: Path, certify: Certify) -> None:
    certify(tmp_path / "other", "127.0.0.1", "fer-a")
    own = f"{tmp_path}/other/fer-a"
    forged = replace(site.broker("fer-a"), tls_cert=f"{own}.pem", tls_key=f"{own}.key")

    with pytest.raises(BrokerError):
        Connection(forged, "fer-a")


@pytest.mark.parametrize(("password", "answer"), [("secret", "Success"), ("guess", "refused"), (None, "refused")])
def test_a_browser_needs_the_password(site: Site, password: str | None, answer: str) -> None:
    answers: SimpleQueue[str] = SimpleQueue()
    browser = Client(CallbackAPIVersion.VERSION2, transport="websockets")
    browser.tls_set_context(ssl.create_default_context(cafile=site.folder / "ca.pem"))
    if password is not None:
        browser.username_pw_set("dashboard", password)
    browser.on_connect = lambda _client, _data, _flags, reason, _properties: answers.put(
        "refused" if reason.is_failure else str(reason)
    )

    # The broker opens this port after the one that the fixture waits for.
    browser.reconnect_delay_set(1, 1)
    browser.connect_async("127.0.0.1", site.websockets_port)
    browser.loop_start()
    try:
        assert answers.get(timeout=10) == answer
    finally:
        browser.disconnect()
        browser.loop_stop()


def test_the_daemon_greets_through_its_certificate(site: Site, device: Device) -> None:
    home_assistant = site.connect("home-assistant")
    listen(home_assistant, "#")

    with closing(Outbox(None, "fer-1a2b3c4d")) as outbox:
        publisher = Publisher(site.broker("fer-a"), structs.replace(device, id="fer-a"), outbox, WallClock())
        publisher.start()
        heard = {next_received(home_assistant).topic for _ in range(3)}
        publisher.stop(2.0)

    assert heard == {"fer/v1/fer-a/availability", "fer/v1/fer-a/info", "homeassistant/device/fer-a/config"}


def test_a_stolen_device_is_shut_out_as_the_readme_says(site: Site) -> None:
    readme = (EXAMPLE / "README.md").read_text("utf-8")
    rules = re.findall(r"```\n(user .*?)```", readme, re.DOTALL)[0].replace("fer-1a2b3c4d", "fer-a")

    with (site.folder / "access.acl").open("a") as access:
        access.write(f"\n{rules}")
    site.mosquitto.kill()
    site.mosquitto.start()

    assert answer_to(site.connect("fer-a"), "fer/v1/fer-a/status") == "Not authorized"
    assert answer_to(site.connect("fer-b"), "fer/v1/fer-b/status") is None


def test_certificates_are_made_once_and_one_that_was_deleted_again(tmp_path: Path, certify: Certify) -> None:
    first = certify(tmp_path, "broker.example", "fer-a", "fer-b")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    (tmp_path / "fer-a.pem").unlink()

    second = certify(tmp_path, "broker.example", "fer-a", "fer-b", "fer-c")

    after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert (first.returncode, second.returncode) == (0, 0)
    assert {name for name, content in before.items() if after[name] != content} <= {"fer-a.pem", "ca.srl"}
    assert after.keys() - before.keys() == {"fer-c.key", "fer-c.pem"}
    assert [line.split()[1] for line in second.stdout.splitlines()] == ["kept", "kept", "made", "kept", "made"]
    assert {path.stat().st_mode & 0o077 for path in tmp_path.glob("*.key")} == {0}


def test_the_certificates_satisfy_a_strict_client(tmp_path: Path, certify: Certify) -> None:
    certify(tmp_path, "broker.example", "fer-a")

    command = ["openssl", "verify", "-x509_strict", "-CAfile", "ca.pem", "broker.pem", "fer-a.pem"]
    verified = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert verified.stdout.splitlines() == ["broker.pem: OK", "fer-a.pem: OK"], verified.stderr


@pytest.mark.parametrize("name", ["+", "#", "fer-a/..", "FER-A", "ca", "broker", "fer-a\nfer-b"])
@pytest.mark.row(32, "a certificate is asked for the name")
def test_a_name_that_would_open_other_topics_gets_no_certificate(tmp_path: Path, certify: Certify, name: str) -> None:
    refused = certify(tmp_path / "certificates", "broker.example", name)

    assert refused.returncode == 1
    assert "is not allowed" in refused.stderr
    assert not (tmp_path / "certificates").exists()


@pytest.mark.parametrize(
    "broker",
    ["1.2.3.4.5", "10.0.0.256", "x/O=foo/CN=fer-b", "a b", "-x", "a..b", "12345", "broker.example\nx", "x" * 65],
)
def test_a_broker_that_is_neither_a_host_name_nor_an_address_is_refused_with_what_to_give(
    tmp_path: Path, certify: Any, broker: str
) -> None:
    refused = certify(tmp_path / "certificates", broker, "fer-a")

    assert refused.returncode == 1
    assert f"broker '{broker}' is not allowed; give the host name" in refused.stderr
    assert not (tmp_path / "certificates").exists()


@pytest.mark.parametrize("broker", ["broker", "broker.example", "10.0.0.25", "fd00::1", "x" * 60])
def test_a_host_name_or_an_address_gets_a_certificate(tmp_path: Path, certify: Any, broker: str) -> None:
    assert certify(tmp_path, broker).returncode == 0


def test_what_openssl_refuses_is_said(tmp_path: Path, certify: Any) -> None:
    refused = certify(tmp_path, ":::")

    assert refused.returncode == 1
    assert "broker.pem for ::: could not be made; openssl says: " in refused.stderr
