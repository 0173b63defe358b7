"""A release with labels of its own, after one with the shipped seven: from the daemon to all that show what it says."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from paho.mqtt import subscribe

from edge.commands.report import report, write_csv, write_page
from edge.labels import EMOTIONS
from tests.deploy.conftest import Page
from tests.deploy.dashboard.conftest import WebBroker
from tests.support.daemon import StartDaemon
from tests.support.paths import TINY
from tests.support.recorder import StartRecorder

THREE = ("confused", "bored", "attentive")


def components(broker: WebBroker) -> dict[str, dict[str, object]]:
    """What the broker keeps for Home Assistant, by key."""
    topic = "homeassistant/device/fer-clip/config"
    message = subscribe.simple(topic, hostname="127.0.0.1", port=broker.port)  # type: ignore[no-untyped-call]
    found: dict[str, dict[str, object]] = json.loads(message.payload)["components"]
    return found


def test_labels_of_a_release_reach_the_page_home_assistant_the_terminal_the_record_and_the_report(
    broker: WebBroker, page: Page, daemon: StartDaemon, recorder: StartRecorder, tmp_path: Path
) -> None:
    record = tmp_path / "windows.db"
    recorder(record, broker.mosquitto)
    place, alone = {"id": "fer-clip", "room": "Foyer"}, {"min_people": 1}
    page.enter(broker.page)
    running = daemon(broker.port, device=place, privacy=alone)
    seen = "registry.rooms.get('fer-clip/cam0').windows.filter(({ emotions }) => emotions)"
    page.wait(f"{seen}.length > 1")
    assert set(components(broker)) > set(EMOTIONS)
    running.stop()

    running.configure(device=place, privacy=alone, model={"folder": str(TINY / "three")})
    running.start()

    page.wait(f"{seen}.filter(({{ emotions }}) => Object.keys(emotions).length === 3).length > 1", 60)
    assert page.text("fer-clip/cam0", ".bars").split()[::3] == ["attentive", "bored", "confused"]
    hue = "getComputedStyle(document.querySelectorAll('.bars li')[1]).getPropertyValue('--hue')"
    assert page.ask(hue) == "#123456"
    assert page.ask("registry.ignored") == 0

    told = components(broker)
    assert all(told[emotion] == {"platform": "sensor"} for emotion in EMOTIONS)
    assert [told[f"share_{label}"]["name"] for label in THREE] == ["Confused", "Bored", "Attentive"]
    assert {option.lower() for option in told["dominant"]["options"]} == set(THREE)  # type: ignore[attr-defined]

    watch = [sys.executable, "-m", "edge", "watch", "--host", "127.0.0.1", "--port", str(broker.port), "--count", "2"]
    lines = subprocess.run(watch, capture_output=True, text=True, check=True, timeout=60).stdout
    assert any(label in lines for label in THREE)
    assert not any(emotion in lines for emotion in EMOTIONS)

    running.stop()
    page.wait(f"{page.text_of('fer-clip/cam0', '.state')}.includes('offline')")
    cameras = report(record, span="day", timezone="UTC", day=datetime.now(UTC).date())
    write_page(cameras, tmp_path / "day.html")
    write_csv(cameras, tmp_path / "day.csv")
    text = (tmp_path / "day.html").read_text("utf-8")
    assert "Models with different labels ran in this time" in text
    assert "attentive, bored, confused (" in text
    with (tmp_path / "day.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["dominant"]]
    assert {bool(row["neutral"]) for row in rows} == {True, False}
    assert all(bool(row["neutral"]) != bool(row["emotions.bored"]) for row in rows)
