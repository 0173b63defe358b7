"""deploy/grafana against a real PostgreSQL: what Telegraf would write is filed, and every panel's query answers.

Telegraf and Grafana themselves are not here: rows come by COPY into the table and columns that Telegraf's output would
write to, and Grafana's macros are put in as its documentation says.
"""

from __future__ import annotations

import base64
import csv
import json
import os
import re
import shutil
import subprocess
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from edge.commands.simulated_device import SimulatedRoom
from edge.labels import EMOTIONS
from edge.mqtt.codec import Message, decode, encode
from edge.mqtt.compose import aggregate, status
from edge.mqtt.messages import Aggregate, Availability, Device
from edge.mqtt.wallclock import WallClock
from edge.records import CameraHealth, DeliveryHealth, Health, HostHealth, InferenceHealth, Problem

GRAFANA = Path(__file__).parents[2] / "deploy" / "grafana"
DASHBOARD = json.loads((GRAFANA / "dashboard.json").read_text("utf-8"))
TELEGRAF = tomllib.loads((GRAFANA / "telegraf.conf").read_text("utf-8"))
PANELS = {panel["title"]: panel for panel in DASHBOARD["panels"]}
STUBS = """
CREATE OR REPLACE FUNCTION create_hypertable(text, text, chunk_time_interval interval, migrate_data boolean)
RETURNS void LANGUAGE sql AS 'SELECT';
CREATE OR REPLACE FUNCTION add_retention_policy(text, interval) RETURNS void LANGUAGE sql AS 'SELECT';
"""


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


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    found = shutil.which("initdb") or max(map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")), default=None)
    if found is None:
        pytest.skip("needs the PostgreSQL server (apt-get install postgresql)")
    # The server refuses to run as root, and nobody else may look into root's folders.
    user = "nobody" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory() as name:
        if user:
            shutil.chown(name, user)
        running = Server(Path(found).resolve().parent, Path(name), user)
        yield running
        running.stop()


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


@pytest.fixture
def database(server: Server) -> Database:
    return Database(server)


def clock_at(moment: datetime) -> WallClock:
    """Wall time such that the monotonic 0 is ``moment``."""
    return WallClock(wall=moment.timestamp, monotonic=lambda: 0.0, is_set=lambda _now_s: True)


def an_hour(device: Device, first_seq: int, end: datetime) -> list[Message]:
    """A minute each, from a simulated room."""
    room = SimulatedRoom(Random(2))
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


def test_a_window_is_stored_once_at_its_own_time_however_often_it_comes(database: Database, device: Device) -> None:
    end = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
    messages = an_hour(device, 1, end)

    database.telegraf(*messages, *map(replayed, messages[50:]))
    database.telegraf(*map(replayed, messages), at=end + timedelta(days=1))

    assert database.rows(
        "SELECT count(*), min(time AT TIME ZONE 'UTC'), max(time AT TIME ZONE 'UTC') FROM fer.windows"
    ) == [["60", "2026-11-20 09:01:00", "2026-11-20 10:00:00"]]
    assert database.rows("SELECT count(*) FROM fer.message") == [["0"]]
    assert database.rows("SELECT count(*) FROM fer.rejected") == [["0"]]


def test_every_figure_of_a_window_is_stored(database: Database, device: Device) -> None:
    (message, *_) = [each for each in an_hour(device, 1, datetime.now(UTC)) if json.loads(each.payload)["emotions"]]
    body = json.loads(message.payload)

    database.telegraf(message)

    (names, values) = database.sql("SELECT * FROM fer.windows")
    row = dict(zip(names, values, strict=True))
    assert {name: float(row[name]) for name in EMOTIONS} == body["emotions"]
    assert {name: int(row[name]) for name in ("people", "max_at_once")} == {
        name: body["faces"][name] for name in ("people", "max_at_once")
    }
    assert (int(row["captured"]), int(row["analysed"])) == (body["frames"]["captured"], body["frames"]["analysed"])
    assert float(row["mean_at_once"]) == body["faces"]["mean_at_once"]
    assert float(row["uncertain"]) == body["uncertain"]
    assert (row["id"], row["dominant"], row["source"]) == (body["id"], body["dominant"], body["source"])
    assert (row["device"], row["suppressed"], row["model"]) == (body["device"], "NULL", body["model"]["id"])


@pytest.mark.parametrize("timescale", [False, True])
def test_a_window_of_a_device_without_the_time_is_stored_once_at_its_arrival(
    database: Database, device: Device, timescale: bool
) -> None:
    if timescale:
        as_hypertable(database)
    clock = WallClock(is_set=lambda _now_s: False)
    window = SimulatedRoom(Random(2)).summarise(0.0, 60.0)
    message = encode(aggregate(device, "5eed0001", 1, window, clock))

    database.telegraf(message, at=datetime(2026, 11, 20, 10, 0, tzinfo=UTC))
    database.telegraf(replayed(message), at=datetime(2026, 11, 20, 11, 0, tzinfo=UTC))

    assert database.rows("SELECT time AT TIME ZONE 'UTC', clock FROM fer.windows") == [
        ["2026-11-20 10:00:00", "unsynced"]
    ]


def test_duplicates_collapse_in_a_hypertable_too(database: Database, device: Device) -> None:
    messages = an_hour(device, 1, datetime.now(UTC))
    database.telegraf(*messages)
    as_hypertable(database)

    database.telegraf(*map(replayed, messages))

    assert database.rows("SELECT count(*) FROM fer.windows") == [["60"]]


def as_hypertable(database: Database) -> None:
    """timescale.sql, with nothing behind the functions of the extension."""
    text = (GRAFANA / "timescale.sql").read_text("utf-8")
    text, extensions = re.subn(r"^CREATE EXTENSION .*;$", "", text, flags=re.MULTILINE)
    assert extensions == 1
    database.sql(STUBS + text)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"not JSON",
        b"\xff\x00",
        b"[]",
        b'{"id": "x"}',
        b'{"id": "x", "seq": 1e99, "window": {"end": "yesterday"}}',
        b'{"id": "\\u0000"}',
        b"[" * 60_000,
    ],
)
def test_what_is_not_of_the_contract_is_set_aside_and_stops_nothing(
    database: Database, device: Device, payload: bytes
) -> None:
    message, *_ = an_hour(device, 1, datetime.now(UTC))

    database.telegraf(
        Message(device.topic("cam0/aggregate"), payload), Message(device.topic("status"), payload), message
    )

    assert database.rows("SELECT count(*) FROM fer.windows") == [["1"]]
    assert database.rows("SELECT kind, times FROM fer.rejected ORDER BY kind") == [["aggregate", "1"], ["status", "1"]]


@pytest.mark.parametrize(
    "claim",
    [
        {"device": "fer-stranger"},
        {"source": "cam1"},
        {"id": "fer-stranger-000000000001"},
        {"id": "fer-1a2b3c4d-room-000000000001"},
        {"id": None},
    ],
)
@pytest.mark.row(31, "a device publishes ids of another, to PostgreSQL")
def test_a_window_that_claims_to_be_of_another_topic_is_rejected(
    database: Database, device: Device, claim: dict[str, str | None]
) -> None:
    message, *_ = an_hour(device, 1, datetime.now(UTC))
    forged = replace(message, payload=json.dumps(json.loads(message.payload) | claim).encode())

    database.telegraf(forged, message)

    assert database.rows("SELECT device, id, source FROM fer.windows") == [
        [device.id, json.loads(message.payload)["id"], "cam0"]
    ]
    assert database.rows("SELECT times FROM fer.rejected") == [["1"]]


@pytest.mark.row(31, "a device invents cameras, to PostgreSQL")
def test_a_device_cannot_fill_the_tables_with_sources_or_garbage(database: Database, device: Device) -> None:
    message, *_ = an_hour(device, 1, datetime.now(UTC))
    body = json.loads(message.payload)
    many = [
        Message(device.topic(f"cam{number}/aggregate"), json.dumps(body | {"source": f"cam{number}"}).encode())
        for number in range(100)
    ]
    garbage = [Message(device.topic("status"), bytes([number]) * 60_000) for number in range(100)]

    database.telegraf(*many, *garbage)

    assert database.rows("SELECT count(*) FROM fer.sources") == [["16"]]
    assert database.rows("SELECT kind, times, length(value) <= 2000 FROM fer.rejected ORDER BY kind") == [
        ["aggregate", "84", "t"],
        ["status", "100", "t"],
    ]


def test_a_schema_of_an_earlier_version_is_brought_up_to_date(database: Database, device: Device) -> None:
    database.sql(
        "ALTER TABLE fer.windows DROP CONSTRAINT windows_pkey, ADD PRIMARY KEY (id);"
        " ALTER TABLE fer.rejected DROP COLUMN times"
    )

    database.sql((GRAFANA / "schema.sql").read_text("utf-8"))
    database.telegraf(*an_hour(device, 1, datetime.now(UTC)), Message(device.topic("status"), b"garbage"))

    assert database.rows("SELECT (SELECT count(*) FROM fer.windows), (SELECT sum(times) FROM fer.rejected)") == [
        ["60", "1"]
    ]
    assert database.rows(
        "SELECT column_name FROM information_schema.key_column_usage WHERE constraint_name = 'windows_pkey' ORDER BY 1"
    ) == [["device"], ["id"]]


def test_what_a_broker_repeats_of_retained_topics_is_no_news(database: Database, device: Device) -> None:
    start = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
    hot = (Problem("throttled", "The processor is slowed down."),)
    healths = [health(), health(problems=hot, uptime_s=61.0)]
    told = [encode(status(device, each, WallClock())) for each in healths]

    for minute, message in enumerate([told[0], told[1], told[1], told[1]]):
        database.telegraf(
            message, encode(Availability(device.id, online=minute != 1)), at=start + timedelta(minutes=minute)
        )

    assert database.rows("SELECT problems FROM fer.status ORDER BY time") == [["{}"], [f'{{"{hot[0].sentence}"}}']]
    assert database.rows("SELECT online, extract(minute FROM time) FROM fer.availability ORDER BY time") == [
        ["t", "0"],
        ["f", "1"],
        ["t", "2"],
    ]


def test_the_schema_may_be_loaded_again_and_keeps_what_is_there(database: Database, device: Device) -> None:
    database.telegraf(*an_hour(device, 1, datetime.now(UTC)))

    database.sql((GRAFANA / "schema.sql").read_text("utf-8"))
    database.telegraf(*an_hour(device, 61, datetime.now(UTC)))

    assert database.rows("SELECT count(*) FROM fer.windows") == [["120"]]


def test_the_roles_of_the_readme_may_what_they_need_and_no_more(database: Database, device: Device) -> None:
    (roles,) = re.findall(r"^```sql\n(.*?)^```", (GRAFANA / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    database.sql(roles)
    garbage = Message(device.topic("status"), b"garbage")

    database.telegraf(*an_hour(device, 1, datetime.now(UTC)), garbage, role="telegraf")

    assert database.rows("SET ROLE grafana; SELECT count(*) FROM fer.windows") == [["60"]]
    with pytest.raises(AssertionError, match="permission denied"):
        database.sql("SET ROLE grafana; DELETE FROM fer.windows")
    with pytest.raises(AssertionError, match="permission denied"):
        database.sql("SET ROLE telegraf; DELETE FROM fer.windows")
    database.sql("DROP OWNED BY telegraf, grafana; DROP ROLE telegraf, grafana")


def grafana(query: str, start: datetime, end: datetime, devices: tuple[str, ...]) -> str:
    """A panel's query as Grafana sends it, with a time group of five minutes."""
    query = re.sub(r"\$__timeFrom\(\)", f"'{start.isoformat()}'", query)
    query = re.sub(r"\$__timeTo\(\)", f"'{end.isoformat()}'", query)
    query = re.sub(r"\$__timeFilter\((\w+)\)", rf"\1 BETWEEN '{start.isoformat()}' AND '{end.isoformat()}'", query)
    query = re.sub(
        r"\$__timeGroupAlias\((\w+), \$__interval\)", r'floor(extract(epoch FROM \1) / 300) * 300 AS "time"', query
    )
    query = query.replace("$device", ", ".join(f"'{device}'" for device in devices))
    assert "$" not in query
    return query


@pytest.fixture
def filled(database: Database, device: Device) -> Callable[[str], list[list[str]]]:
    """``filled(title)`` asks as that panel does: an hour of one device that missed three windows and is hot, and of
    another that went offline before.
    """
    end = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
    start = end - timedelta(hours=1)
    messages = an_hour(device, 101, end)
    database.telegraf(*messages[:20], *map(replayed, messages[23:30]), *messages[30:], at=end)
    hot = (Problem("throttled", "It is too hot."),)
    database.telegraf(encode(status(device, health(temperature_c=82.5, problems=hot), WallClock())), at=end)
    database.telegraf(encode(Availability(device.id, online=True)), at=start - timedelta(hours=5))
    other = Message("fer/v1/fer-gone/availability", b"offline")
    database.telegraf(other, at=start + timedelta(minutes=10))

    def ask(title: str) -> list[list[str]]:
        (target,) = PANELS[title]["targets"]
        return database.sql(grafana(target["rawSql"], start, end, (device.id, "fer-gone")))

    return ask


@pytest.mark.parametrize(
    ("title", "figure"),
    [
        ("Devices online", "1"),
        ("Devices with a problem", "1"),
        ("Windows", "57"),
        ("Windows replayed after an outage", "7"),
        ("Windows missing", "3"),
    ],
)
def test_a_figure_panel_tells(filled: Callable[[str], list[list[str]]], title: str, figure: str) -> None:
    assert filled(title)[1:] == [[figure]]


def test_the_share_of_withheld_moods_is_of_windows_with_people(
    filled: Callable[[str], list[list[str]]], database: Database
) -> None:
    ((told,),) = filled("Emotions withheld")[1:]
    ((withheld, people),) = database.rows(
        "SELECT count(*) FILTER (WHERE suppressed <> ''), count(*) FROM fer.windows WHERE people > 0"
    )

    assert float(told) == pytest.approx(int(withheld) / int(people))


def test_moods_sum_to_one_at_every_time(filled: Callable[[str], list[list[str]]]) -> None:
    names, *rows = filled("Moods")

    assert set(names) == {"time", *EMOTIONS}
    assert rows
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    assert [sum(map(float, row[1:])) for row in rows] == pytest.approx([1.0] * len(rows))


@pytest.mark.parametrize("title", ["People at once", "Processor temperature", "Availability"])
def test_a_time_series_has_time_name_and_figure(filled: Callable[[str], list[list[str]]], title: str) -> None:
    names, *rows = filled(title)

    assert names[:2] == ["time", "metric"]
    assert rows
    assert PANELS[title]["targets"][0]["format"] == "time_series"


def test_availability_begins_with_what_was_known_before(
    filled: Callable[[str], list[list[str]]], device: Device
) -> None:
    rows = {name: (time[:16], online) for time, name, online in filled("Availability")[1:]}

    assert rows[device.id] == ("2026-11-20 09:00", "1")
    assert rows["fer-gone"] == ("2026-11-20 09:10", "0")


def test_the_tables_name_the_gap_and_the_problem(filled: Callable[[str], list[list[str]]], device: Device) -> None:
    gaps, devices = filled("Missing windows")[1:], filled("Devices")[1:]

    assert [row[:4] for row in gaps] == [[device.id, "121", "123", "3"]]
    assert [row[:4] for row in devices] == [[device.id, "running", "It is too hot.", "82.5"]]


def test_every_panel_of_the_dashboard_is_asked_here_and_fits_the_screen() -> None:
    asked = set(re.findall(r'"([A-Z][\w ]+)"', Path(__file__).read_text("utf-8")))
    places = [tuple(panel["gridPos"].values()) for panel in DASHBOARD["panels"]]

    assert set(PANELS) <= asked
    assert all(x + width <= 24 for x, _, width, _ in places)
    assert len(set(places)) == len(places)
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(places)


def test_telegraf_hears_what_the_contract_publishes_and_acknowledges_what_is_written(device: Device) -> None:
    (consumer,) = TELEGRAF["inputs"]["mqtt_consumer"]
    topics = [re.compile(topic.replace("+", "[^/]+")) for topic in consumer["topics"]]

    heard = {
        kind
        for kind in ("cam0/aggregate", "status", "availability", "cam0/live", "info")
        if any(topic.fullmatch(device.topic(kind)) for topic in topics)
    }

    assert heard == {"cam0/aggregate", "status", "availability"}
    assert (consumer["qos"], consumer["persistent_session"], bool(consumer["client_id"])) == (1, True, True)
    assert (consumer["data_format"], consumer["data_type"], consumer["topic_tag"]) == ("value", "base64", "topic")
    assert TELEGRAF["outputs"]["postgresql"][0]["namepass"] == [consumer["name_override"]]
