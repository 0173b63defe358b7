"""deploy/grafana against a real PostgreSQL: what Telegraf would write is filed, once and at its time."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from edge.commands.simulated_device import SimulatedRoom
from edge.labels import EMOTIONS
from edge.mqtt.codec import Message, encode
from edge.mqtt.compose import aggregate, status
from edge.mqtt.messages import Availability, Device
from edge.mqtt.wallclock import WallClock
from edge.records import Problem
from tests.support.grafana import GRAFANA, TELEGRAF, Database, an_hour, health, replayed

STUBS = """
CREATE OR REPLACE FUNCTION create_hypertable(text, text, chunk_time_interval interval, migrate_data boolean)
RETURNS void LANGUAGE sql AS 'SELECT';
CREATE OR REPLACE FUNCTION add_retention_policy(text, interval) RETURNS void LANGUAGE sql AS 'SELECT';
"""


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


@pytest.mark.parametrize(
    "emotions",
    [
        {"confused": "much", "bored": 0.5},
        {"confused": None, "bored": 0.5},
        {"confused": {"a": 1}, "bored": 0.5},
        {f"label {number}": 0.02 for number in range(50)},
    ],
)
def test_shares_that_are_no_numbers_or_too_many_do_not_reach_the_queries(
    database: Database, device: Device, emotions: dict[str, object]
) -> None:
    message, *_ = [each for each in an_hour(device, 1, datetime.now(UTC)) if json.loads(each.payload)["emotions"]]
    bad = replace(message, payload=json.dumps(json.loads(message.payload) | {"emotions": emotions}).encode())

    database.telegraf(bad, message)

    assert database.rows("SELECT count(*), round(sum(share)::numeric, 3) FROM fer.shares") == [["7", "1.000"]]
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


def test_the_shares_of_windows_from_before_labels_were_kept_are_there_after_the_update(
    database: Database, device: Device
) -> None:
    database.telegraf(*an_hour(device, 1, datetime.now(UTC)))
    before = database.rows("SELECT id, labels, label, share FROM fer.shares AS s JOIN fer.windows USING (labels, time)")
    database.sql("DROP VIEW fer.shares; ALTER TABLE fer.windows DROP COLUMN labels, DROP COLUMN emotions")

    database.sql((GRAFANA / "schema.sql").read_text("utf-8"))

    after = database.rows("SELECT id, labels, label, share FROM fer.shares AS s JOIN fer.windows USING (labels, time)")
    assert len(after) > 7
    assert sorted(after) == sorted(before)


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
