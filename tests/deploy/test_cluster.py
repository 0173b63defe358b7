"""deploy/fleet's clusters of three nodes on this machine: what a fleet loses when one is killed, and then another."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest

from edge.config import MqttConfig
from edge.errors import BrokerError
from edge.mqtt.codec import Message
from edge.mqtt.connection import Acknowledged, Connection, Lost, Received
from tests.deploy.conftest import Certify
from tests.support.cluster import FLEET, Cluster, NatsCluster, RabbitCluster, find_programs
from tests.support.paths import ROOT
from tests.support.waiting import eventually

DEVICES = 200


_KINDS: dict[str, tuple[str, type[RabbitCluster] | type[NatsCluster]]] = {
    "rabbitmq": ("rabbitmq-server", RabbitCluster),
    "nats": ("nats-server", NatsCluster),
}
"""The program of each kind of broker, and what starts three of it."""


class OpenCluster(Protocol):
    """Type of the fixture ``cluster``."""

    def __call__(self, kind: str, etc: Path | None = None) -> Cluster:
        """Three running nodes of ``rabbitmq`` or ``nats``, with the certificates and accounts in ``etc``."""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[OpenCluster]:
    """``cluster(kind, etc=None)`` starts three nodes."""
    running: list[Cluster] = []

    def start(kind: str, etc: Path | None = None) -> Cluster:
        program, make = _KINDS[kind]
        programs = find_programs(program)
        if programs is None:
            pytest.skip(f"needs Debian 13's {program} in build/brokers (requirements/brokers.sh)")
        made = make(programs, tmp_path, etc)
        running.append(made)
        made.start()
        return made

    yield start
    for one in running:
        one.close()


class Process:
    """A program whose stderr is read while it runs."""

    def __init__(self, log: Path, *command: str | Path) -> None:
        self._log = log
        with log.open("wb") as stderr:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, cwd=ROOT)

    def says(self) -> str:
        """What it has said so far."""
        assert self._process.poll() is None, self._log.read_text()
        return self._log.read_text()

    def finish(self) -> str:
        """Stop it; what it printed."""
        self._process.terminate()
        out, _ = self._process.communicate(timeout=120)
        return out.decode()

    def kill(self) -> None:
        """End it, if it still runs."""
        self._process.kill()
        self._process.communicate()


class RunProgram(Protocol):
    """Type of the fixture ``run``."""

    def __call__(self, name: str, *command: str | Path) -> Process:
        """A running Python program."""


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunProgram]:
    """``run(name, *command)`` starts Python with these arguments; what it says goes into ``name.log``."""
    running: list[Process] = []

    def start(name: str, *command: str | Path) -> Process:
        running.append(Process(tmp_path / f"{name}.log", sys.executable, *command))
        return running[-1]

    yield start
    for one in running:
        one.kill()


def reports(fleet: Process) -> list[tuple[int, int]]:
    """How many devices are connected and how many windows wait, by the reports of ``simulate``, one a second."""
    found = re.findall(r"(\d+) of \d+ connected, \d+ windows/s, (\d+) wait", fleet.says())
    return [(int(connected), int(waiting)) for connected, waiting in found]


def wait_until_all_deliver(fleet: Process) -> None:
    """Wait for a report, two from now or later, of all devices connected; some windows are always on their way."""
    before = len(reports(fleet))

    def all_deliver() -> bool:
        told = reports(fleet)
        return len(told) >= before + 2 and told[-1][0] == DEVICES and told[-1][1] < DEVICES / 4

    eventually(all_deliver, 120)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kind", ["rabbitmq", "nats"])
@pytest.mark.row(27, "200 devices on three nodes: one node is killed, then the subscriber's")
def test_a_fleet_loses_no_window_when_a_node_is_killed_and_then_the_subscribers(
    cluster: OpenCluster,
    run: RunProgram,
    kind: str,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    three = cluster(kind)
    first, second, _ = three.nodes
    addresses = [f"127.0.0.1:{node.port}" for node in three.nodes]
    config = tmp_path / "fleet.toml"
    config.write_text(f'[mqtt]\nhosts = {json.dumps(addresses)}\nprotocol = "{three.protocol}"\n')
    database = tmp_path / "windows.db"
    at_second = [addresses[1], addresses[2], addresses[0]]
    archive = run("archive", "-m", "edge", "record", "--name", "archive-1", database, *at_second)
    eventually(lambda: "listens" in archive.says(), 60)

    command = ["-m", "edge", "simulate", "--config", str(config), "--devices", str(DEVICES)]
    fleet = run("fleet", *command, "--window", "1", "--no-live", "--json")
    wait_until_all_deliver(fleet)
    times_s = []
    for node in (first, second):
        killed_s = time.monotonic()
        node.kill()
        wait_until_all_deliver(fleet)
        times_s.append(time.monotonic() - killed_s)
        node.start()
        node.wait()
        three.wait_until_whole()
    wait_until_all_deliver(fleet)
    report = json.loads(fleet.finish().splitlines()[-1])

    assert report["undelivered"] == 0
    with closing(sqlite3.connect(database, timeout=60)) as table:

        def count(rows: str) -> int:
            (number,) = table.execute(f"SELECT count(*) FROM ({rows})").fetchone()
            return int(number)

        eventually(lambda: count("SELECT * FROM windows") >= report["windows"], 120)
        stored = count("SELECT * FROM windows")
        back = " and ".join(f"{time_s:.0f} s" for time_s in times_s)
        record_property("lost", report["windows"] - stored)
        record_property("note", f"{report['windows']} windows, all deliver again after {back}")
        assert stored == report["windows"]
        assert count("SELECT DISTINCT device, seq FROM windows") == report["windows"]
    print(kind, report, [f"{time_s:.0f} s" for time_s in times_s])  # noqa: T201 - for docs/fleet.md


@pytest.fixture
def etc(certify: Certify, tmp_path: Path) -> Path:
    """Certificates for fer-a, fer-b and dashboard, and their accounts for both brokers."""
    folder = tmp_path / "etc"
    assert certify(folder, "127.0.0.1", "fer-a", "fer-b", "dashboard").returncode == 0
    for broker, file in (("rabbitmq", "definitions.json"), ("nats", "users.conf")):
        made = subprocess.run(
            [sys.executable, FLEET / "accounts.py", broker, "fer-a", "fer-b"], stdout=subprocess.PIPE, check=True
        )
        (folder / file).write_bytes(made.stdout)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["rabbitmq", "nats"])
def test_a_device_writes_its_own_topics_on_a_cluster_and_reads_no_other(
    cluster: OpenCluster, etc: Path, kind: str
) -> None:
    three = cluster(kind, etc)

    def come(name: str, client_id: str | None = None) -> Connection:
        node = three.nodes[0]
        broker = MqttConfig("127.0.0.1", node.port, three.protocol, tls_ca=str(etc / "ca.pem"))
        broker = replace(broker, tls_cert=str(etc / f"{name}.pem"), tls_key=str(etc / f"{name}.key"))
        return Connection(broker, client_id or name)

    if kind == "rabbitmq":  # NATS does not tie client ids to certificates
        with pytest.raises(BrokerError, match="client id not valid"):
            come("fer-b", "fer-a")
    dashboard, stranger = come("dashboard"), come("fer-b")
    dashboard.subscribe("fer/v1/#")
    stranger.subscribe("fer/v1/#")
    stranger.subscribe("#")
    for topic in ("fer/v1/fer-b/status", "fer/v1/dashboard/status", "fer/v1/fer-a/status"):
        device = come("fer-a")
        device.publish(Message(topic, topic.encode()))
        while not isinstance(device.next_event(5), Acknowledged | Lost | None):
            pass
        device.close(1.0)

    heard = []
    while isinstance(event := dashboard.next_event(3), Received):
        heard.append(event.topic)
    assert heard == ["fer/v1/fer-a/status"]
    while (overheard := stranger.next_event(1)) is not None and not isinstance(overheard, Lost):
        assert not isinstance(overheard, Received)


@pytest.mark.parametrize("name", ["fer/a", "UP", "dashboard", "fer-a.b", "*"])
def test_a_name_that_would_open_other_topics_gets_no_account(name: str) -> None:
    refused = subprocess.run(
        [sys.executable, FLEET / "accounts.py", "nats", "fer-a", name], capture_output=True, text=True, check=False
    )

    assert refused.returncode == 1
    assert refused.stdout == ""
    assert f"{name!r} is no device id" in refused.stderr


def accounts_of(broker: str) -> str:
    made = subprocess.run(
        [sys.executable, FLEET / "accounts.py", broker, "fer-a"], capture_output=True, text=True, check=True
    )
    return made.stdout


@pytest.mark.parametrize(
    ("user", "right", "topic", "allowed"),
    [
        ("operator", "write", "fer.v1.fer-a.command.pause", True),
        ("operator", "write", "fer.v1.fer-a.status", False),
        ("home-assistant", "write", "fer.v1.fer-a.command.pause", True),
        ("dashboard", "write", "fer.v1.fer-a.command.pause", False),
        ("fer-a", "read", "fer.v1.fer-a.command.pause", True),
        ("fer-a", "read", "fer.v1.fer-b.command.pause", False),
        ("fer-a", "write", "fer.v1.fer-b.command.pause", False),
    ],
)
def test_rabbitmqs_rules_let_only_operators_command_devices(user: str, right: str, topic: str, allowed: bool) -> None:
    rules = json.loads(accounts_of("rabbitmq"))["topic_permissions"]

    (mine,) = [rule for rule in rules if rule["user"] == user]

    assert bool(re.match(mine[right], topic)) is allowed


def test_natss_rules_let_only_operators_command_devices() -> None:
    users = json.loads(re.sub(r"^authorization \{\n  users = |\n\}\n?$", "", accounts_of("nats")))

    may_write = {user["user"] for user in users if "fer.v1.*.command.*" in user["permissions"]["publish"]["allow"]}
    (device,) = [user for user in users if user["user"] == "CN=fer-a"]

    assert may_write == {"CN=operator", "CN=home-assistant"}
    assert "fer.v1.fer-a.command.*" in device["permissions"]["subscribe"]["allow"]
