"""Every panel of deploy/grafana's dashboard, asked of a real PostgreSQL.

Grafana itself is not here: its macros are put in as its documentation says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge.labels import EMOTIONS
from edge.mqtt.codec import Message, encode
from edge.mqtt.compose import status
from edge.mqtt.messages import Availability, Device
from edge.mqtt.wallclock import WallClock
from edge.records import Problem
from tests.support.grafana import GRAFANA, Database, an_hour, health, replayed

DASHBOARD = json.loads((GRAFANA / "dashboard.json").read_text("utf-8"))
PANELS = {panel["title"]: panel for panel in DASHBOARD["panels"]}


def grafana(
    query: str, start: datetime, end: datetime, devices: tuple[str, ...], labels: tuple[str, ...] = EMOTIONS
) -> str:
    """A panel's query as Grafana sends it, with a time group of five minutes."""
    query = re.sub(r"\$__timeFrom\(\)", f"'{start.isoformat()}'", query)
    query = re.sub(r"\$__timeTo\(\)", f"'{end.isoformat()}'", query)
    query = re.sub(r"\$__timeFilter\((\w+)\)", rf"\1 BETWEEN '{start.isoformat()}' AND '{end.isoformat()}'", query)
    query = re.sub(
        r"\$__timeGroupAlias\((\w+), \$__interval\)", r'floor(extract(epoch FROM \1) / 300) * 300 AS "time"', query
    )
    query = query.replace("${labels:sqlstring}", f"'{', '.join(sorted(labels))}'")
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

    assert names == ["time", "metric", "share"]
    assert {label for _, label, _ in rows} == set(EMOTIONS)
    times = [time for time, _, _ in rows]
    assert times == sorted(times)
    sums = {time: sum(float(share) for at, _, share in rows if at == time) for time in times}
    assert list(sums.values()) == pytest.approx([1.0] * len(sums))


def test_moods_of_models_with_other_labels_are_chosen_and_never_added_to_those_of_the_others(
    database: Database, device: Device
) -> None:
    end, other = datetime(2026, 11, 20, 10, 0, tzinfo=UTC), ("happy", "bored", "gut gelaunt")
    start = end - timedelta(hours=1)
    database.telegraf(*an_hour(device, 1, end), *an_hour(device, 101, end, other))
    (target,) = PANELS["Moods"]["targets"]

    ours = database.rows(grafana(target["rawSql"], start, end, (device.id,)))
    theirs = database.rows(grafana(target["rawSql"], start, end, (device.id,), other))

    assert [{label for _, label, _ in rows} for rows in (ours, theirs)] == [set(EMOTIONS), set(other)]
    for rows in (ours, theirs):
        sums = {time: sum(float(share) for at, _, share in rows if at == time) for time, _, _ in rows}
        assert list(sums.values()) == pytest.approx([1.0] * len(sums))
    (variable,) = (each for each in DASHBOARD["templating"]["list"] if each["name"] == "labels")
    chosen = database.rows(grafana(variable["query"], start, end, (device.id,)))
    assert {row[0] for row in chosen} == {", ".join(sorted(EMOTIONS)), ", ".join(sorted(other))}


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
