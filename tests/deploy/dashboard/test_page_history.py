"""The windows of a day: stored in the browser, shown hour by hour, saved as CSV."""

from __future__ import annotations

import csv
import io
import json
import math
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edge.commands.record_file import RecordFile
from edge.commands.report import report, write_csv
from edge.labels import EMOTIONS

if TYPE_CHECKING:
    from tests.deploy.conftest import Page
    from tests.deploy.dashboard.conftest import Fleet, MakeDevice, WebBroker

PAGE = (Path(__file__).parents[3] / "deploy" / "dashboard" / "index.html").as_uri()


def test_the_history_holds_each_window_once_by_its_own_time(
    broker: WebBroker, fleet: Fleet, page: Page, fake_device: MakeDevice, tmp_path: Path
) -> None:
    who = fake_device("fer-history")
    late = who.window(1, ago_s=7200, historical=True)
    page.enter(broker.page)
    fleet.publish(*who.retained(), who.window(3, 60), who.window(3, 60), late, who.window(4), late)
    fleet.publish(who.window(2, ago_s=100_000, historical=True), who.window(5, people=0, ago_s=-30))
    page.wait("registry.rooms.get('fer-history/cam0').windows.length === 4")
    page.wait("(windowHistory.flush(), true)")
    page.call("Page.reload")
    page.wait("registry.rooms.get('fer-history/cam0').windows.length === 4")
    page.ask("location.hash = 'fer-history/cam0'")
    page.wait(f"{page.text_of('fer-history/cam0', '.save')} === 'Save 4 windows as CSV'")

    page.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    page.ask("document.querySelector('[data-room=\"fer-history/cam0\"] .save').click()")
    page.wait_for_download()

    (file,) = tmp_path.glob("fer-history-cam0-*.csv")
    rows = list(csv.DictReader(file.read_text("utf-8").splitlines()))
    assert [row["seq"] for row in rows] == ["1", "3", "4", "5"]
    assert [row["historical"] for row in rows] == ["true", "false", "false", "false"]
    assert [row["end"] for row in rows] == sorted(row["end"] for row in rows)
    assert rows[0]["end"] == json.loads(late.payload)["window"]["end"]
    assert math.isclose(sum(float(rows[0][name]) for name in EMOTIONS), 1)
    assert (rows[3]["happy"], rows[3]["people"], rows[3]["dominant"]) == ("", "0", "")


def test_the_room_page_shows_the_day_hour_by_hour(
    broker: WebBroker, fleet: Fleet, page: Page, fake_device: MakeDevice
) -> None:
    who = fake_device("fer-hours", "Foyer", window_s=60.0)
    now = datetime.now()
    # The middle of the last full hours, whatever the time is now.
    ago_s = [
        (now - now.replace(minute=30, second=0, microsecond=0) + timedelta(hours=back)).total_seconds()
        for back in (4, 3, 2, 1)
    ]
    windows = [
        who.window(1, ago_s[0], people=0, captured=0, analysed=0),
        who.window(2, ago_s[1], people=0),
        who.window(3, ago_s[2], people=2, emotions=None, uncertain=None, suppressed="too_few_people"),
        who.window(4, ago_s[3] + 60, people=5),
        who.window(5, ago_s[3], people=7),
    ]

    page.enter(f"{broker.page}#fer-hours/cam0")
    fleet.publish(*who.retained(), *windows)

    page.wait("document.querySelectorAll('tbody tr').length === 4")
    rows = page.ask(
        "[...document.querySelectorAll('tbody tr')].map((row) => [...row.cells].map((cell) => cell.innerText))"
    )
    hours = [f"{(now - timedelta(seconds=ago)).hour:02}:00" for ago in reversed(ago_s)]
    assert [row[0] for row in rows] == hours
    assert [row[1] for row in rows] == ["7", "2", "0", "0"]
    assert [row[2] for row in rows] == ["", "withheld", "nobody", "no images"]
    assert rows[0][3] == "happy 50 %, neutral 40 %, angry 5 %"


@pytest.mark.parametrize(
    "text",
    [
        *("=1+1", "+1", "-1", "@SUM(A1)", "\n=1+1", "\r\n=1+1", "\t=1+1", "  =1", "\u00a0=1", "\ufeff=1", "\u200b=1"),
        *("\uff1d1+1", "\uff0b1", "\uff0d1", "\uff20SUM", "\u22121", "\n\uff1d1"),
    ],
    ids=ascii,
)
@pytest.mark.row(31, "a device publishes a formula, to the page's CSV")
def test_a_text_that_a_spreadsheet_would_run_is_saved_as_text(page: Page, text: str) -> None:
    page.open(PAGE)
    page.wait("typeof toCsv === 'function'")

    (row,) = csv.DictReader(io.StringIO(page.ask(f"toCsv([{{model: {json.dumps(text)}}}])"), newline=""))

    assert row["model"] == f"'{text}"


def test_other_texts_are_saved_as_they_are(page: Page) -> None:
    page.open(PAGE)
    page.wait("typeof toCsv === 'function'")
    texts = ["student-0-1408ba4a", 'with "quotes", commas', "a=b", "na\u00efve model", ""]

    saved = page.ask(f"toCsv({json.dumps([{'model': text} for text in texts])})")

    assert [row["model"] for row in csv.DictReader(io.StringIO(saved, newline=""))] == texts


def choose(page: Page, file: Path) -> None:
    """Choose a file with the page's button."""
    root = page.call("DOM.getDocument")["root"]["nodeId"]
    chooser = page.call("DOM.querySelector", nodeId=root, selector="#record")["nodeId"]
    page.call("DOM.setFileInputFiles", files=[str(file)], nodeId=chooser)


def test_a_record_of_the_day_is_shown_beside_what_the_page_hears(
    broker: WebBroker, fleet: Fleet, page: Page, fake_device: MakeDevice, tmp_path: Path
) -> None:
    who = fake_device("fer-record", "Foyer")
    windows = [who.window(seq, ago_s=60 * (60 - seq)) for seq in range(1, 60)]
    with closing(RecordFile(tmp_path / "windows.db")) as file:
        for message in windows:
            file.keep(message.topic, message.payload)
    today, yesterday = date.today(), date.today() - timedelta(days=1)
    for day in (today, yesterday):
        write_csv(report(tmp_path / "windows.db", span="day", day=day), tmp_path / f"{day}.csv")
    page.enter(broker.page)
    fleet.publish(*who.retained(), windows[-1])
    page.wait("registry.rooms.get('fer-record/cam0').windows.length === 1")

    for day in (today, yesterday):
        choose(page, tmp_path / f"{day}.csv")
        page.wait(f"document.getElementById('opened').innerText.includes('windows of {day}.csv')")

    shown = "registry.rooms.get('fer-record/cam0').windows"
    assert page.ask(f"{shown}.map((window) => window.seq)") == list(range(1, 60))
    assert page.ask(f"{shown}[0].emotions.happy") == json.loads(windows[0].payload)["emotions"]["happy"]
    assert page.ask("registry.devices.get('fer-record').missing") == 0


def test_what_the_page_saved_it_can_open_again(page: Page) -> None:
    page.open(PAGE)
    page.wait("typeof fromCsv === 'function'")

    again = page.ask(
        "(() => { const window = { id: 'fer-a1b-000000000007', device: 'fer-a1b', source: 'cam0', seq: 7, start: 60000,"
        " end: 120000, durationS: 60, historical: true, captured: 9, analysed: 9, dropped: 0, people: 3, maxAtOnce: 3,"
        " meanAtOnce: 2.5, emotions: null, suppressed: 'too_few_people', uncertain: null, model: '=1+\"1\",2' };"
        " const same = (read) => Object.keys(window).every((key) => read[key] === window[key]);"
        " return fromCsv(toCsv([window])).map(same) })()"
    )

    assert again == [True]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a,b\r\n1,2\r\n", "notes.csv is no CSV file of this page or of fer-edge report."),
        ("id,device,source,end\r\nx,fer-<b>,cam0,soon\r\n", "0 windows of notes.csv."),
        ("", "notes.csv is no CSV file of this page or of fer-edge report."),
    ],
)
def test_a_file_that_is_no_record_changes_nothing(
    broker: WebBroker, page: Page, tmp_path: Path, text: str, sentence: str
) -> None:
    (tmp_path / "notes.csv").write_text(text)
    page.enter(broker.page)

    choose(page, tmp_path / "notes.csv")

    page.wait(f"document.getElementById('opened').innerText === {json.dumps(sentence)}")
    assert page.ask("registry.rooms.size") == 0
