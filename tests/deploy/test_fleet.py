"""deploy/fleet run as it is: the bridge of a site, and recorders that share their work."""

from __future__ import annotations

import dataclasses
import json
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from random import Random
from typing import Protocol

import pytest
from msgspec.structs import replace
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from edge.commands.record import PAUSE_S
from edge.commands.simulated_device import SimulatedRoom
from edge.config import MqttConfig
from edge.mqtt.codec import Message, encode
from edge.mqtt.compose import aggregate
from edge.mqtt.connection import Acknowledged, Connection
from edge.mqtt.home_assistant import discovery
from edge.mqtt.messages import Aggregate, Availability, Device
from edge.mqtt.wallclock import WallClock
from edge.records import WindowSummary
from tests.deploy.conftest import Certify
from tests.support.mosquitto import Mosquitto, StartMosquitto
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]
EPOCH = "0a1b2c3d"
FLEET = ROOT / "deploy" / "fleet"
BROKER = ROOT / "deploy" / "broker"


def a_window() -> WindowSummary:
    return SimulatedRoom(Random(1)).summarise(0.0, 60.0)


def say(connection: Connection, *messages: Message) -> None:
    """Publish, each one acknowledged before the next."""
    for message in messages:
        mid = connection.publish(message)
        while not isinstance(event := connection.next_event(10), Acknowledged) or event.mid != mid:
            assert event is not None, f"nobody acknowledged {message.topic}"
        assert not event.refused


@dataclass
class Site:
    """A site's broker with the bridge of deploy/fleet, and the centre with the broker of deploy/broker."""

    site: Mosquitto
    centre: Mosquitto
    folder: Path
    listeners: list[Client]

    def listen(self) -> SimpleQueue[MQTTMessage]:
        """A dashboard at the centre with a session that survives its broker; what it hears."""
        heard: SimpleQueue[MQTTMessage] = SimpleQueue()
        subscribed: SimpleQueue[None] = SimpleQueue()
        client = Client(CallbackAPIVersion.VERSION2, f"dashboard-{len(self.listeners)}", clean_session=False)
        client.tls_set(
            str(self.folder / "ca.pem"),
            str(self.folder / f"listener-{len(self.listeners)}.pem"),
            str(self.folder / f"listener-{len(self.listeners)}.key"),
        )
        client.reconnect_delay_set(0.1, 0.1)  # type: ignore[arg-type]  # fractions work
        client.on_connect = lambda client, *_: client.subscribe([("fer/#", 1), ("homeassistant/#", 1)])
        client.on_subscribe = lambda *_: subscribed.put(None)
        client.on_message = lambda _client, _data, message: heard.put(message)
        client.connect(self.centre.host, self.centre.port)
        client.loop_start()
        self.listeners.append(client)
        subscribed.get(timeout=10)
        return heard


def hear(heard: SimpleQueue[MQTTMessage], topic: str, payload: bytes | None = None) -> MQTTMessage:
    """The next message on ``topic``, with that payload if one is given."""
    while True:
        message = heard.get(timeout=20)
        if message.topic == topic and payload in (None, message.payload):
            return message


@pytest.fixture
def two_brokers(mosquitto: StartMosquitto, certify: Certify, tmp_path: Path) -> Iterator[Site]:
    """The examples as they are, but for ports and paths, on disks of their own."""
    folder = tmp_path / "etc"
    listeners = ["listener-0", "listener-1"]
    assert certify(folder, "127.0.0.1", "site-north", "archive-1", *listeners).returncode == 0
    access = [(BROKER / "access.acl").read_text("utf-8"), (FLEET / "centre.acl").read_text("utf-8")]
    access += [f"user {name}\ntopic read fer/#\ntopic readwrite homeassistant/#\n" for name in listeners]
    (folder / "access.acl").write_text("\n".join(access))
    (folder / "passwords").touch()

    def example(path: Path, **changes: str) -> list[str]:
        text = path.read_text("utf-8").replace("/etc/mosquitto/fer-edge", str(folder))
        for old, new in changes.items():
            text, count = re.subn(old, new, text, flags=re.DOTALL)
            assert count == 1, old
        disk = tmp_path / path.stem
        disk.mkdir()
        return [*text.splitlines(), "persistence true", f"persistence_location {disk}/"]

    browsers = r"# Browsers.*?\n\n"
    centre = mosquitto(*example(BROKER / "mosquitto.conf", **{"listener 8883\n": "", browsers: ""}))
    moved = {"centre.example:8883": f"{centre.host}:{centre.port}", "timeout 2 30": "timeout 1 1"}
    site = mosquitto("allow_anonymous true", *example(FLEET / "bridge.conf", **moved))
    both = Site(site, centre, folder, [])
    yield both
    for client in both.listeners:
        client.disconnect()
        client.loop_stop()


def test_what_a_site_knows_arrives_at_the_centre_and_stays_retained_there(two_brokers: Site, device: Device) -> None:
    heard = two_brokers.listen()
    here = MqttConfig(two_brokers.site.host, two_brokers.site.port)
    connection = Connection(here, device.id, will=encode(Availability(device.id, online=False)))

    say(connection, encode(Availability(device.id, online=True)), encode(device), discovery(device))
    say(connection, encode(aggregate(device, "5eed0001", 1, a_window(), WallClock())))

    assert hear(heard, device.topic("cam0/aggregate")).qos == 1
    late = two_brokers.listen()
    say(connection, Message(device.topic("last"), b""))
    retained = {}
    while (message := late.get(timeout=20)).topic != device.topic("last"):
        retained[message.topic] = message.payload
    assert retained == {
        device.topic("availability"): b"online",
        device.topic("info"): encode(device).payload,
        discovery(device).topic: discovery(device).payload,
        "fer/site/site-north": b"1",
    }
    connection.cut()
    hear(heard, device.topic("availability"), b"offline")


def test_an_outage_of_the_centre_and_a_restart_of_the_site_lose_no_window(two_brokers: Site, device: Device) -> None:
    heard = two_brokers.listen()
    here = MqttConfig(two_brokers.site.host, two_brokers.site.port)
    connection = Connection(here, device.id)
    windows = [encode(aggregate(device, "5eed0001", seq, a_window(), WallClock())) for seq in range(1, 101)]
    say(connection, encode(Availability(device.id, online=True)), windows[0])
    hear(heard, device.topic("cam0/aggregate"))

    two_brokers.centre.stop()
    say(connection, *windows[1:60])
    two_brokers.site.stop()
    two_brokers.site.start()
    again = Connection(here, device.id)
    say(again, *windows[60:])
    two_brokers.centre.start()

    missing = set(range(2, 101))
    while missing:
        missing.discard(json.loads(hear(heard, device.topic("cam0/aggregate")).payload)["seq"])
    again.close(1.0)
    connection.close(1.0)


def test_a_centre_that_forgot_what_was_retained_is_told_again(two_brokers: Site, device: Device) -> None:
    heard = two_brokers.listen()
    here = MqttConfig(two_brokers.site.host, two_brokers.site.port)
    connection = Connection(here, device.id)
    say(connection, encode(Availability(device.id, online=True)))
    hear(heard, device.topic("availability"), b"online")

    two_brokers.centre.kill()
    two_brokers.centre.start()

    assert hear(two_brokers.listen(), device.topic("availability")).payload == b"online"
    connection.close(1.0)


def test_the_centre_sees_that_a_site_is_cut_off_and_the_site_hears_home_assistant(two_brokers: Site) -> None:
    heard = two_brokers.listen()
    hear(heard, "fer/site/site-north", b"1")
    at_site: SimpleQueue[bytes] = SimpleQueue()
    client = Client(CallbackAPIVersion.VERSION2)
    client.on_connect = lambda client, *_: client.subscribe("homeassistant/status", 1)
    subscribed: SimpleQueue[None] = SimpleQueue()
    client.on_subscribe = lambda *_: subscribed.put(None)
    client.on_message = lambda _client, _data, message: at_site.put(bytes(message.payload))
    client.connect(two_brokers.site.host, two_brokers.site.port)
    client.loop_start()
    subscribed.get(timeout=10)

    two_brokers.listeners[0].publish("homeassistant/status", "online", 1)

    assert at_site.get(timeout=10) == b"online"
    two_brokers.site.kill()

    hear(heard, "fer/site/site-north", b"0")
    client.disconnect()
    client.loop_stop()


class StartArchive(Protocol):
    """Type of the fixture ``archive``."""

    def __call__(self, name: str, *brokers: Mosquitto, config: Path | None = None) -> subprocess.Popen[bytes]:
        """Start an archive of these brokers, with the credentials of ``config``."""


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[StartArchive]:
    """``archive(name, *brokers)`` starts a recorder of a group; what it says goes into ``archive.log``."""
    started: list[subprocess.Popen[bytes]] = []

    def start(name: str, *brokers: Mosquitto, config: Path | None = None) -> subprocess.Popen[bytes]:
        arguments = ["--name", name, "--group", "archive", *(["--config", str(config)] if config else [])]
        arguments += [str(tmp_path / "windows.db"), *(f"{broker.host}:{broker.port}" for broker in brokers)]
        with (tmp_path / "archive.log").open("ab") as log:
            started.append(subprocess.Popen([sys.executable, "-m", "edge", "record", *arguments], stderr=log))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_two_archives_share_the_windows_and_keep_each_once_though_one_is_killed(
    mosquitto: StartMosquitto, archive: StartArchive, device: Device, tmp_path: Path
) -> None:
    broker = mosquitto("allow_anonymous true", "log_type subscribe")
    log = tmp_path / "broker0" / "mosquitto.log"
    first, _second = archive("archive-1", broker), archive("archive-2", broker)
    eventually(lambda: log.read_text().count("$share/archive/") >= 2)
    connection = Connection(MqttConfig(broker.host, broker.port), device.id)
    windows = [aggregate(device, "5eed0001", seq, a_window(), WallClock()) for seq in range(1, 101)]

    say(connection, *map(encode, windows[:50]), Message(device.topic("cam0/aggregate"), b"not of the contract"))
    first.kill()
    say(connection, *(encode(window.replayed()) for window in windows[30:50]), *map(encode, windows[50:]))
    archive("archive-1", broker)

    with closing(sqlite3.connect(tmp_path / "windows.db", timeout=60)) as table:
        eventually(lambda: table.execute("SELECT count(*) FROM windows").fetchone() == (100,))
        assert table.execute("SELECT count(DISTINCT seq), min(seq), max(seq) FROM windows").fetchone() == (100, 1, 100)
    connection.close(1.0)


def test_an_archive_waits_for_one_that_is_writing(
    mosquitto: StartMosquitto, archive: StartArchive, tmp_path: Path
) -> None:
    broker = mosquitto("allow_anonymous true", "log_type subscribe")
    log = tmp_path / "broker0" / "mosquitto.log"
    with closing(sqlite3.connect(tmp_path / "windows.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        starting = archive("archive-1", broker)
        with pytest.raises(subprocess.TimeoutExpired):
            starting.wait(1)
    eventually(lambda: "$share/archive/" in log.read_text())


@pytest.mark.row(24, "our archive, the broker away for long")
def test_an_archive_is_back_within_five_seconds_however_long_the_broker_was_away(
    mosquitto: StartMosquitto, archive: StartArchive, tmp_path: Path
) -> None:
    broker = mosquitto()
    log = tmp_path / "archive.log"
    archive("archive-1", broker)
    eventually(lambda: "listens to" in log.read_text())

    broker.kill()
    eventually(lambda: "cannot be reached: nothing listens there" in log.read_text())
    time.sleep(10 * PAUSE_S)  # that a long time changes nothing can only be waited for
    broker.start()

    eventually(lambda: log.read_text().count("listens to") == 2, timeout_s=5.0)
    assert log.read_text().count("cannot be reached") == 1, "it is said once"


def test_an_archive_goes_to_the_next_broker_when_one_is_lost(
    mosquitto: StartMosquitto, archive: StartArchive, tmp_path: Path
) -> None:
    first, second = mosquitto(), mosquitto()
    log = tmp_path / "archive.log"
    archive("archive-1", first, second)
    eventually(lambda: f"listens to {first.host}:{first.port}" in log.read_text())

    first.kill()

    eventually(lambda: f"listens to {second.host}:{second.port}" in log.read_text(), timeout_s=5.0)


def test_an_archive_uses_the_certificate_that_its_configuration_names(
    two_brokers: Site, archive: StartArchive, tmp_path: Path
) -> None:
    config = tmp_path / "archive.toml"
    folder = two_brokers.folder
    config.write_text(
        f'[mqtt]\ntls_ca = "{folder}/ca.pem"\ntls_cert = "{folder}/archive-1.pem"\ntls_key = "{folder}/archive-1.key"\n'
    )

    archive("archive-1", two_brokers.centre, config=config)

    eventually(lambda: "listens to" in (tmp_path / "archive.log").read_text())


def forged(window: Aggregate, **claim: str) -> Message:
    """The message of a window on its own topic, with a payload that claims something else."""
    message = encode(window)
    return dataclasses.replace(message, payload=json.dumps(json.loads(message.payload) | claim).encode())


@pytest.mark.row(31, "a device publishes ids of another, to the archive")
def test_an_archive_believes_the_topic(
    mosquitto: StartMosquitto, archive: StartArchive, device: Device, tmp_path: Path
) -> None:
    broker = mosquitto()
    archive("archive-1", broker)
    eventually(lambda: "listens to" in (tmp_path / "archive.log").read_text())
    stranger = aggregate(replace(device, id="fer-stranger"), EPOCH, 1, a_window(), WallClock())
    genuine = aggregate(device, EPOCH, 1, a_window(), WallClock())
    connection = Connection(MqttConfig(broker.host, broker.port), "speaker")

    say(connection, forged(stranger, device=device.id, id=genuine.id), forged(stranger, id=genuine.id), encode(genuine))

    with closing(sqlite3.connect(tmp_path / "windows.db", timeout=60)) as table:
        eventually(lambda: table.execute("SELECT device, id FROM windows").fetchall() == [(device.id, genuine.id)])
    connection.close(1.0)


@pytest.mark.row(31, "a device invents cameras, to the archive")
def test_an_archive_takes_no_more_than_sixteen_cameras_of_a_device(
    mosquitto: StartMosquitto, archive: StartArchive, device: Device, tmp_path: Path
) -> None:
    broker = mosquitto()
    archive("archive-1", broker)
    eventually(lambda: "listens to" in (tmp_path / "archive.log").read_text())
    cameras = [replace(device, source=f"cam{number}") for number in range(100)]
    other = replace(device, id="fer-other")
    connection = Connection(MqttConfig(broker.host, broker.port), "speaker")

    say(connection, *(encode(aggregate(each, EPOCH, 1, a_window(), WallClock())) for each in (*cameras, other)))

    with closing(sqlite3.connect(tmp_path / "windows.db", timeout=60)) as table:
        eventually(lambda: table.execute("SELECT count(*) FROM sources").fetchone() == (17,))
        assert table.execute("SELECT count(*) FROM windows WHERE device = ?", (device.id,)).fetchone()[0] <= 16
    connection.close(1.0)


@pytest.mark.usefixtures("mosquitto")
def test_the_measurement_runs_and_its_tables_are_those_of_the_page() -> None:
    short = ["--devices", "5", "--windows-only", "--seconds", "1", "--outages"]
    done = subprocess.run(
        [sys.executable, FLEET / "measure.py", *short], cwd=ROOT, capture_output=True, text=True, check=True, timeout=90
    )

    first, _, row, _, second, _ = done.stdout.splitlines()
    names, figures = ([cell.strip() for cell in line.strip("|").split("|")] for line in (first, row))
    told = dict(zip(names, figures, strict=True))
    assert (told["devices"], told["lost"], told["twice"], told["pace kept"]) == ("5", "0", "0", "yes")
    page = (ROOT / "docs" / "fleet.md").read_text("utf-8")
    assert first in page
    assert second in page
