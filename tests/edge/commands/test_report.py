"""Reports: what is counted in which hour, and what the page and the CSV say of it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from edge.cli import main
from edge.commands.record_file import RecordFile
from edge.commands.report import report, write_csv, write_page
from edge.commands.report_hours import Period, bounds, local_zone, previous, summarise
from edge.errors import ConfigError, DataError
from edge.mqtt.codec import encode
from edge.mqtt.messages import Aggregate, Context, Device
from edge.records import Unread
from tests.support.days import window

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 11, 9, tzinfo=BERLIN)
LATER = MONDAY + timedelta(days=400)


def week(*windows: Aggregate, now: datetime = LATER) -> Period:
    return summarise("week", *bounds("week", MONDAY.date(), BERLIN), windows, now)


@pytest.fixture
def record(tmp_path: Path) -> Callable[..., Path]:
    """``record(device, *windows)`` makes a record."""

    def make(*messages: Device | Aggregate) -> Path:
        with closing(RecordFile(tmp_path / "windows.db")) as file:
            for each in messages:
                message = encode(each)
                file.keep(message.topic, message.payload)
        return tmp_path / "windows.db"

    return make


def at(hour: float, day: int = 0) -> datetime:
    return MONDAY + timedelta(days=day, hours=hour)


@pytest.mark.parametrize(
    ("span", "first", "last"),
    [
        ("day", date(2026, 11, 12), date(2026, 11, 13)),
        ("week", date(2026, 11, 9), date(2026, 11, 16)),
        ("month", date(2026, 11, 1), date(2026, 12, 1)),
    ],
)
def test_a_day_is_in_its_day_its_week_from_monday_and_its_month(span: str, first: date, last: date) -> None:
    start, end = bounds(span, date(2026, 11, 12), BERLIN)  # type: ignore[arg-type]

    assert (start.date(), end.date()) == (first, last)
    assert (start.hour, end.hour) == (0, 0)


def test_the_period_before_a_month_is_the_month_before() -> None:
    start, _ = bounds("month", date(2026, 3, 31), BERLIN)

    assert bounds("month", previous("month", start), BERLIN)[0].date() == date(2026, 2, 1)


def test_a_window_belongs_to_the_hour_in_which_it_ended(device: Device) -> None:
    period = week(window(device, 1, at(9), 4), window(device, 2, at(9.01), 4))

    assert [period.hours[MONDAY.date(), hour].windows for hour in (8, 9)] == [1, 1]


def test_every_hour_is_what_its_windows_say(device: Device) -> None:
    period = week(
        window(device, 1, at(0.5), 0),
        window(device, 2, at(1.5), 2),
        window(device, 3, at(2.5), 4),
        window(device, 4, at(3.5), 0, blind=True),
        now=at(5.5),
    )

    kinds = [period.hours[MONDAY.date(), hour].kind for hour in range(8)]
    assert kinds == ["nobody", "withheld", "mood", "no_images", "gap", "gap", "future", "future"]
    assert period.by_day()[date(2026, 11, 10)].kind == "future"


def test_the_mean_in_view_leaves_out_the_time_without_images(device: Device) -> None:
    period = week(
        window(device, 1, at(9.1), 5), window(device, 2, at(9.2), 0), window(device, 3, at(9.3), 0, blind=True)
    )

    hour = period.hours[MONDAY.date(), 9]
    assert hour.at_once == pytest.approx(0.6 * 5 / 2)
    assert (hour.covered_s, hour.looked_s, hour.max_at_once) == (900, 600, 5)


def test_expressions_are_means_over_the_people_of_windows_that_publish_them(device: Device) -> None:
    period = week(
        window(device, 1, at(9.1), 3, happy=0.2),
        window(device, 2, at(9.2), 9, happy=0.6),
        window(device, 3, at(9.3), 2),
    )

    emotions = period.total.emotions
    assert emotions is not None
    assert emotions["happy"] == pytest.approx((3 * 0.2 + 9 * 0.6) / 12)
    assert period.total.withheld_s == 300
    assert period.total.reasons == {"too_few_people"}


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 24), (date(2026, 11, 9), 24)])
def test_an_hour_that_the_clocks_leave_out_is_not_missing(day: date, hours: int) -> None:
    start, end = bounds("day", day, BERLIN)

    period = summarise("day", start, end, (), LATER)

    assert sum(hour.kind == "gap" for hour in period.hours.values()) == hours


def test_the_page_says_what_is_missing_and_what_is_withheld(
    record: Callable[..., Path], device: Device, tmp_path: Path
) -> None:
    path = record(device, *(window(device, seq, at(seq / 12), 2 if seq <= 12 else 4) for seq in range(1, 25)))

    write_page(report(path, span="day", day=MONDAY.date(), timezone="Europe/Berlin"), tmp_path / "page.html")

    page = (tmp_path / "page.html").read_text("utf-8")
    tiles = dict(re.findall(r"<li><span>([^<]*)</span><b>([^<]*)</b>", page))
    assert tiles["expressions withheld"] == "1.0 h"
    assert tiles["missing"] == "22 h"
    assert tiles["strongest expression"] == "happy"
    assert "no window arrived" in page
    assert "expressions withheld: too few people" in page


def test_the_page_says_what_was_seen_and_left_out(record: Callable[..., Path], device: Device, tmp_path: Path) -> None:
    plain = window(device, 1, at(9), 4)
    faces = replace(plain.faces, still=2, unread=Unread(too_small=30, turned=5))
    path = record(device, replace(plain, faces=faces), window(device, 2, at(10), 4))

    write_page(report(path, span="day", day=MONDAY.date(), timezone="Europe/Berlin"), tmp_path / "page.html")

    assert (
        "Left out: 30 readings of faces that were too small; 5 readings of faces that were turned away; "
        "2 faces that never moved, such as posters." in (tmp_path / "page.html").read_text("utf-8")
    )


def test_two_periods_are_compared(record: Callable[..., Path], device: Device, tmp_path: Path) -> None:
    path = record(
        device,
        *(window(device, seq, at(9 + seq / 12), 4, happy=0.6) for seq in range(1, 6)),
        *(window(device, seq, at(9 + seq / 12, day=-7), 8, happy=0.2) for seq in range(11, 16)),
    )

    write_page(report(path, span="week", day=MONDAY.date(), timezone="Europe/Berlin"), tmp_path / "page.html")

    page = (tmp_path / "page.html").read_text("utf-8")
    rows = {
        name: cells
        for name, *cells in re.findall(r"<th>([^<]*)</th><td>([^<]*)</td><td>([^<]*)</td><td>([^<]*)</td>", page)
    }
    assert rows["happy"] == ["60 %", "20 %", "+40 points"]
    assert rows["sad"] == ["10 %", "10 %", "0 points"]
    assert rows["in view, as a mean"] == ["2.4", "4.8", "−2.4"]
    assert rows["most at once"] == ["4", "8", "−4"]
    assert rows["measured"] == ["0.4 h", "0.4 h", "0.0 h"]


def test_a_camera_of_which_no_window_arrived_is_named_and_not_counted(
    record: Callable[..., Path], device: Device, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = replace(device, id="fer-gone", context=Context("", "Cellar"))
    path = record(device, gone, window(device, 1, at(9), 4), window(gone, 1, at(9, day=-30), 4))
    out = tmp_path / "page.html"

    main(["report", str(path), "--date", "2026-11-09", "--timezone", "Europe/Berlin", "--out", str(out)])

    page = out.read_text("utf-8")
    assert page.count("<article>") == 1
    assert "No window arrived in this time from Cellar (fer-gone/cam0)." in page
    assert "1 window of 1 camera; of 1 more in the record no window arrived" in capsys.readouterr().out


def test_a_period_without_any_window_says_so(record: Callable[..., Path], device: Device, tmp_path: Path) -> None:
    path = record(device, window(device, 1, at(9), 4))

    write_page(report(path, span="day", day=date(2027, 1, 1), timezone="Europe/Berlin"), tmp_path / "page.html")

    assert "No window arrived in this time from" in (tmp_path / "page.html").read_text("utf-8")


def test_what_a_device_calls_itself_is_text(record: Callable[..., Path], device: Device, tmp_path: Path) -> None:
    evil = replace(device, context=Context("", '<script>alert(1)</script>"&'))
    path = record(evil, window(device, 1, at(9), 4))

    write_page(report(path, span="week", day=MONDAY.date()), tmp_path / "page.html")

    page = (tmp_path / "page.html").read_text("utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_the_csv_has_a_row_for_each_window_in_utc_and_no_formula(
    record: Callable[..., Path], device: Device, tmp_path: Path
) -> None:
    model = replace(device.model, id="=1+1")
    path = record(device, replace(window(device, 1, at(9), 4), model=model), window(device, 2, at(9.1), 2))

    write_csv(report(path, span="day", day=MONDAY.date(), timezone="Europe/Berlin"), tmp_path / "out.csv")

    first, second = csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text("utf-8")))
    assert first["end"] == "2026-11-09T08:00:00.000Z"
    assert (first["people"], first["happy"], first["dominant"], first["model"]) == ("4", "0.5", "happy", "'=1+1")
    assert (second["happy"], second["suppressed"]) == ("", "too_few_people")


def test_the_command_makes_the_page_of_one_device_and_refuses_an_unknown_one(
    record: Callable[..., Path], device: Device, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = replace(device, id="fer-other")
    path = record(device, other, window(device, 1, at(9), 4), window(other, 1, at(9), 4))
    wanted = [
        "report",
        str(path),
        "--date",
        "2026-11-09",
        "--timezone",
        "Europe/Berlin",
        "--out",
        str(tmp_path / "p.html"),
    ]

    assert main([*wanted, "--device", "fer-other/cam0", "--csv", str(tmp_path / "p.csv")]) == 0
    assert "1 window of 1 camera" in capsys.readouterr().out
    assert main([*wanted, "--device", "fer-third"]) == 78
    assert "holds no device 'fer-third'" in capsys.readouterr().err


OTHER = {"confused": 0.25, "bored": 0.7, "happy": 0.05}
"""Shares of a model with other labels, one of them called as one of the shipped ones."""


def test_shares_of_models_with_different_labels_are_never_added_up(device: Device) -> None:
    seven = [window(device, seq, at(9, day) + timedelta(minutes=seq), 4, happy=0.6) for seq in (1, 2) for day in (0, 1)]
    three = [window(device, 9 + seq, at(9.5) + timedelta(minutes=seq), 8, shares=OTHER) for seq in (1, 2)]

    period = week(*seven, *three)

    assert period.hours[MONDAY.date(), 9].emotions == pytest.approx(OTHER)  # 16 people's, of 8 the others
    assert period.hours[MONDAY.date() + timedelta(days=1), 9].dominant == "happy"
    assert [(len(labels), mood.windows) for labels, mood in period.total.moods.items()] == [(7, 4), (3, 2)]


def test_the_page_shows_both_sets_of_labels_and_says_so(
    record: Callable[..., Path], device: Device, tmp_path: Path
) -> None:
    now = replace(device, labels=tuple(OTHER), order=("happy", "bored", "confused"), colours={"bored": "#123456"})
    windows = [window(device, 1, at(9, -6), 4), window(device, 2, at(10), 4), window(now, 3, at(11), 8, shares=OTHER)]
    file, out = record(now, *windows), tmp_path / "week.html"

    write_page(report(file, span="week", day=MONDAY.date(), timezone="Europe/Berlin"), out)

    page = out.read_text("utf-8")
    assert (
        "Models with different labels ran in this time: happy, bored, confused (1 window);"
        " happy, surprise, neutral, sad, fear, angry, disgust (1 window)." in page
    )
    assert "bored 70 %, confused 25 %, happy 5 %" in page
    assert ".c123456 { fill: #123456" in page
    rows = re.findall(r"<tr><th>([^<]*)</th><td>([^<]*)</td><td>([^<]*)</td><td>([^<]*)</td>", page)
    assert [row for row in rows if row[0] == "happy"] == [("happy", "5 %", "–", "–"), ("happy", "–", "50 %", "–")]
    assert [row[0] for row in rows[4:7]] == ["happy", "bored", "confused"]


def test_the_csv_has_a_column_for_each_further_label(
    record: Callable[..., Path], device: Device, tmp_path: Path
) -> None:
    shares = {"confused": 0.25, "people": 0.05, "happy": 0.1, "so, so": 0.6}
    file = record(device, window(device, 1, at(10), 4), window(device, 2, at(11), 4, shares=shares))

    write_csv(report(file, span="week", day=MONDAY.date(), timezone="Europe/Berlin"), tmp_path / "week.csv")

    seven, four = csv.DictReader(io.StringIO((tmp_path / "week.csv").read_text("utf-8")))
    assert (seven["happy"], seven["emotions.confused"], seven["people"]) == ("0.5", "", "4")
    assert (four["happy"], four["neutral"], four["emotions.confused"]) == ("0.1", "", "0.25")
    assert (four["emotions.people"], four["emotions.so, so"], four["people"]) == ("0.05", "0.6", "4")


def test_an_empty_record_and_an_unknown_zone_are_told(record: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match="is empty yet"):
        report(record(), span="day")
    with pytest.raises(ConfigError, match="'Mars/Olympus' is unknown; name one such as Europe/Berlin"):
        local_zone("Mars/Olympus")


def test_without_a_name_the_zone_is_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/Sao_Paulo")

    assert datetime(2026, 11, 9, 12, tzinfo=UTC).astimezone(local_zone()).hour == 9
