"""The page of ``fer-edge report`` in a real Chromium. ``FER_PICTURES=docs/pictures`` renews its picture."""

from __future__ import annotations

import os
from contextlib import closing
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from edge.commands.record_file import RecordFile
from edge.commands.report import report, write_page
from edge.labels import EMOTIONS
from edge.mqtt.codec import encode
from edge.mqtt.messages import Context, Device, Model, Privacy
from tests.support.days import cafe

if TYPE_CHECKING:
    from tests.deploy.conftest import Page


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two weeks of a café."""
    path = tmp_path_factory.mktemp("record") / "windows.db"
    there = Device(
        id="fer-1a2b3c4d",
        source="cam0",
        version="0.1.0",
        camera="csi imx708",
        detector="builtin",
        model=Model("fer-int8-1", "ab" * 32, "ferplus", "cpu"),
        window_s=300.0,
        labels=EMOTIONS,
        privacy=Privacy(min_people=3, counts_only=False),
        context=Context("City Museum", "Café"),
    )
    messages = [encode(there), *map(encode, cafe(there, datetime(2026, 11, 2, tzinfo=ZoneInfo("Europe/Berlin")), 14))]
    with closing(RecordFile(path)) as file:
        for message in messages:
            file.keep(message.topic, message.payload)
    return path


@pytest.mark.parametrize(
    ("span", "width", "height", "scheme"),
    [("week", 1100, 900, "light"), ("month", 1100, 900, "dark"), ("day", 390, 844, "light")],
)
def test_a_report_fits_its_screen_and_needs_no_script(
    record: Path, page: Page, span: str, width: int, height: int, scheme: str, tmp_path: Path
) -> None:
    file = tmp_path / "report.html"
    write_page(report(record, span=span, day=date(2026, 11, 12), timezone="Europe/Berlin"), file)  # type: ignore[arg-type]
    page.look(width, height, scheme=scheme)

    page.open(file.as_uri())
    page.wait("document.querySelector('footer')")

    assert page.ask("document.documentElement.scrollWidth <= innerWidth")
    assert page.ask("document.scripts.length") == 0
    assert page.ask("getComputedStyle(document.querySelector('.gap')).fill").startswith("url(")
    assert page.requested == [file.as_uri()]
    pictures = os.environ.get("FER_PICTURES") if span == "week" else None
    page.look(width, page.ask("Math.ceil(document.documentElement.getBoundingClientRect().height)"), scheme=scheme)
    page.picture(Path(pictures or tmp_path) / "report.png")
