"""The database of deploy/grafana in a real PostgreSQL, and what Telegraf would write into it.

Telegraf itself is not here: rows come by COPY into the table and columns that Telegraf's output would write to.
"""

from __future__ import annotations

import base64
import csv
import subprocess
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from edge.commands.simulated_device import SimulatedRoom
from edge.labels import EMOTIONS
from edge.mqtt.codec import Message, decode, encode
from edge.mqtt.compose import aggregate
from edge.mqtt.messages import Aggregate, Device
from edge.mqtt.wallclock import WallClock
from edge.records import CameraHealth, DeliveryHealth, Health, HostHealth, InferenceHealth, Problem

GRAFANA = Path(__file__).parents[2] / "deploy" / "grafana"
TELEGRAF = tomllib.loads((GRAFANA / "telegraf.conf").read_text("utf-8"))


class Server:
    """A PostgreSQL of its own behind a Unix socket."""

    def __init__(self, programs: Path, folder: Path, user: str | None) -> None:
        self._programs, self._folder, self._user = programs, folder, user
        self._run("initdb", "--auth=trust", "--username=postgres", "--no-sync")
        self._run("pg_ctl", "start", "--wait", f"--options=-k {folder} -h '' -F", f"--log={folder}/log")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments, "--pgdata", str(self._folder / "data")]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, user=self._user, cwd=self._folder, timeout=60)

    def sql(self, text: str) -> list[list[str]]:
        """Rows as text, the first holds the names of the columns."""
        command = [str(self._programs / "psql"), "-X", "--host", str(self._folder), "--username=postgres", "postgres"]
        done = subprocess.run(
            [*command, "--set=ON_ERROR_STOP=1", "--quiet", "--csv", "--pset=null=NULL"],
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return list(csv.reader(done.stdout.splitlines()))

    def stop(self) -> None:
        self._run("pg_ctl", "stop", "--mode=immediate")


class Database:
    """The schema, empty, and Telegraf's way into it."""

    def __init__(self, server: Server) -> None:
        self.sql = server.sql
        self.sql("DROP SCHEMA IF EXISTS fer CASCADE;" + (GRAFANA / "schema.sql").read_text("utf-8"))

    def rows(self, query: str) -> list[list[str]]:
        return self.sql(query)[1:]

    def telegraf(self, *messages: Message, at: datetime | None = None, role: str = "postgres") -> None:
        """One batch, as Telegraf's PostgreSQL output copies it."""
        (output,), (consumer,) = TELEGRAF["outputs"]["postgresql"], TELEGRAF["inputs"]["mqtt_consumer"]
        table = f"{output['schema']}.{consumer['name_override']}"
        at = at or datetime.now(UTC)
        lines = [
            f"{at.replace(tzinfo=None).isoformat(' ')}\t{message.topic}\t{base64.b64encode(message.payload).decode()}"
            for message in messages
        ]
        self.sql("\n".join([f"SET ROLE {role};", f"COPY {table} (time, topic, value) FROM STDIN;", *lines, "\\.", ""]))


def clock_at(moment: datetime) -> WallClock:
    """Wall time such that the monotonic 0 is ``moment``."""
    return WallClock(wall=moment.timestamp, monotonic=lambda: 0.0, is_set=lambda _now_s: True)


def an_hour(device: Device, first_seq: int, end: datetime, labels: tuple[str, ...] = EMOTIONS) -> list[Message]:
    """A minute each, from a simulated room."""
    room = SimulatedRoom(Random(2), labels=labels)
    windows = [room.summarise(60.0 * i, 60.0 * (i + 1)) for i in range(60)]
    clock = clock_at(end - timedelta(hours=1))
    return [encode(aggregate(device, "5eed0001", seq, window, clock)) for seq, window in enumerate(windows, first_seq)]


def replayed(message: Message) -> Message:
    """The same window as it is sent after an outage."""
    window = decode(message.topic, message.payload)
    assert isinstance(window, Aggregate)
    return encode(window.replayed())


def health(*, temperature_c: float | None = 50.0, problems: tuple[Problem, ...] = (), uptime_s: float = 1.0) -> Health:
    return Health(
        "running",
        problems,
        CameraHealth("csi imx708", 9.9, 0.1, 0, 0, 0),
        InferenceHealth("cpu", None, None),
        DeliveryHealth(0, None, 0, 0, 0, "5eed0001", 0, None),
        HostHealth(temperature_c, None, None, None),
        uptime_s,
        "0.1.0",
    )
