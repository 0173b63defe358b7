"""The dashboard page in a real browser, against a real broker."""

from __future__ import annotations

import csv
import hashlib
import json
import math
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from edge import message
from edge.contract import EMOTIONS
from edge.demo import CLIP
from edge.message import Device, Message
from edge.records import (
    CameraHealth,
    DeliveryHealth,
    EmotionScores,
    Health,
    HostHealth,
    InferenceHealth,
    Percentiles,
    Problem,
    RoomReading,
    WindowSummary,
)
from edge.wallclock import WallClock

ROOT = Path(__file__).parents[2]
DASHBOARD = ROOT / "deploy" / "dashboard"
CLOCK = WallClock(is_set=lambda _: True)


def device(name: str, room: str = "", **changes: Any) -> Device:
    fields: dict[str, Any] = {
        "id": name,
        "source": "cam0",
        "version": "0.1.0",
        "camera": "csi",
        "detector": "yunet",
        "model_id": "fer-int8-1",
        "model_sha256": "ab" * 32,
        "model_device": "cpu",
        "window_s": 60.0,
        "min_people": 3,
        "counts_only": False,
        "context": {"site": "City Museum", "room": room} if room else {},
    }
    return Device(**fields | changes)


def scores(**shares: float) -> EmotionScores:
    parts = [shares.get(name, 0.02) for name in EMOTIONS]
    return EmotionScores(tuple(part / sum(parts) for part in parts))


def window(
    who: Device, seq: int, ago_s: float = 0.0, people: int = 4, *, clock: WallClock = CLOCK, **changes: Any
) -> Message:
    end_s = time.monotonic() - ago_s
    fields: dict[str, Any] = {
        "start_s": end_s - who.window_s,
        "end_s": end_s,
        "captured": 600,
        "analysed": 580,
        "people": people,
        "max_at_once": people,
        "mean_at_once": people * 0.8,
        "emotions": scores(happy=0.5, neutral=0.4) if people else None,
        "uncertain": 0.1 if people else None,
        "suppressed": None,
    }
    return message.aggregate(who, seq, WindowSummary(**fields | changes), clock)


def health(*problems: Problem, **changes: Any) -> Health:
    fields: dict[str, Any] = {
        "state": "degraded" if problems else "running",
        "problems": problems,
        "camera": CameraHealth("csi", 9.8, 0.1, 0, 0),
        "inference": InferenceHealth("cpu", Percentiles(24, 31), Percentiles(2.1, 3.4)),
        "mqtt": DeliveryHealth(0, None, 0, 0, 0.4),
        "host": HostHealth(52.0, False, 141.0, 21000.0),
        "uptime_s": 93000.0,
        "version": "0.1.0",
    }
    return Health(**fields | changes)


def introduce(who: Device, *problems: Problem, online: bool = True) -> list[Message]:
    return [
        message.info(who),
        message.status(who, health(*problems), CLOCK),
        message.availability(who, online=online),
    ]


def day(who: Device, phase: float, until_s: float = 0.0) -> list[Message]:
    """A day as a house has it: many people now, few some hours ago, nobody half a day ago."""
    windows = []
    count = int(86000 / who.window_s)
    for seq in range(1, count + 1):
        ago_s = (count - seq) * who.window_s + until_s
        hours = (count - seq) * who.window_s / 3600
        tide = math.cos(hours * math.pi / 12 + phase * 0.1) + 0.25 * math.sin(phase + hours * 2.1)
        people = max(0, round(3 + 7 * tide))
        mood = scores(
            happy=0.38 + 0.2 * math.sin(phase * 2 + hours * 1.3),
            surprise=0.12 + 0.07 * math.sin(phase + hours * 2.9),
            neutral=0.40 + 0.15 * math.cos(phase + hours * 0.9),
            sad=0.09 + 0.06 * math.sin(hours * 1.7 + phase),
            fear=0.03 + 0.02 * math.sin(hours * 2.3),
            angry=0.06 + 0.04 * math.sin(hours * 1.1 + phase),
        )
        few = 0 < people < who.min_people
        changes: dict[str, Any] = {"emotions": None if few or not people else mood, "uncertain": None}
        windows.append(window(who, seq, ago_s, people, **changes, suppressed="too_few_people" if few else None))
    return [message.historical(one) for one in windows[:-1]] + windows[-1:]


def text_of(room: str, part: str = "") -> str:
    return f"document.querySelector('[data-room=\"{room}\"] {part}')?.innerText"


def test_the_vendored_library_is_the_recorded_and_locked_one() -> None:
    recorded, name = (DASHBOARD / "vendor" / "SHA256SUMS").read_text().split()
    lock = json.loads((DASHBOARD / "package-lock.json").read_text())
    wanted = json.loads((DASHBOARD / "package.json").read_text())["dependencies"]["mqtt"]

    library = (DASHBOARD / "vendor" / name).read_bytes()

    assert hashlib.sha256(library).hexdigest() == recorded
    assert wanted == lock["packages"]["node_modules/mqtt"]["version"]
    assert f'"{wanted}"'.encode() in library
    assert all("integrity" in package and "resolved" not in package for at, package in lock["packages"].items() if at)


def test_the_page_asks_nobody_but_the_broker(broker: Any, page: Any) -> None:
    page.open(broker.page)
    page.wait("document.getElementById('connection').innerText.startsWith('connected')")

    hosts = {address.split("/")[2] for address in page.requested if not address.startswith("data:")}
    assert hosts == {f"127.0.0.1:{broker.web_port}"}
    policy = page.ask("document.querySelector('meta[http-equiv]').content")
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")


def test_the_real_daemon_is_shown_and_an_outage_told_and_survived(broker: Any, page: Any, tmp_path: Path) -> None:
    config = tmp_path / "fer-edge.toml"
    config.write_text(
        f'[device]\nid = "fer-clip"\nroom = "Foyer"\n[camera]\nkind = "replay"\npath = {json.dumps(str(CLIP))}\n'
        f"loop = true\n[privacy]\nmin_people = 1\n[window]\nduration_s = 1\n"
        f'[mqtt]\nhost = "127.0.0.1"\nport = {broker.port}\n'
    )
    with (tmp_path / "daemon.log").open("wb") as log:
        daemon = subprocess.Popen([sys.executable, "-m", "edge", "run", "--config", config], stdout=log, stderr=log)
    try:
        page.open(broker.page)
        page.wait("document.querySelectorAll('.bars:not([hidden])').length === 1")
        page.wait(f"{text_of('fer-clip/cam0', '.state')}.includes('running')")
        assert page.ask(text_of("fer-clip/cam0", "h2")) == "Foyer"
        assert sorted(page.ask(text_of("fer-clip/cam0", ".bars")).split()[::3]) == sorted(EMOTIONS)

        page.wait("house.devices.get('fer-clip').last > 0")
        before = page.ask("house.devices.get('fer-clip').last")
        broker.kill()
        page.wait("document.getElementById('connection').innerText.startsWith('no connection to ws://127.0.0.1')")
        broker.start()
        page.wait("document.getElementById('connection').innerText.startsWith('connected')")
        page.wait(f"house.devices.get('fer-clip').last > {before + 2}")

        assert page.ask("house.devices.get('fer-clip').missing") == 0
    finally:
        daemon.terminate()
        daemon.wait(15)
    page.wait(f"{text_of('fer-clip/cam0', '.state')}.includes('offline')")


def test_every_state_of_a_room_is_shown_as_what_it_is(broker: Any, fleet: Any, page: Any) -> None:
    shy, counting = device("fer-shy"), device("fer-count", counts_only=True)
    empty, blind, quiet = device("fer-empty"), device("fer-blind"), device("fer-quiet")
    gone, lossy, timeless = device("fer-gone"), device("fer-lossy"), device("fer-timeless")
    page.open(broker.page)
    page.wait("document.getElementById('connection').innerText.startsWith('connected')")

    fleet.say(
        *introduce(shy),
        window(shy, 1, people=2, emotions=None, suppressed="too_few_people"),
        *introduce(counting),
        window(counting, 1, people=9, emotions=None, suppressed="counts_only"),
        *introduce(empty),
        window(empty, 1, people=0),
        *introduce(blind, Problem("camera_stalled", "No new picture for 20 s.")),
        window(blind, 1, people=0, captured=0, analysed=0),
        *introduce(quiet),
        window(gone, 1, ago_s=600),
        *introduce(gone, online=False),
        *introduce(timeless),
        window(timeless, 1, clock=WallClock(is_set=lambda _: False)),
        *introduce(lossy),
        *(window(lossy, seq) for seq in (1, 2, 6)),
    )

    page.wait(f"{text_of('fer-lossy/cam0', '.notes')}.includes('3 windows are missing (lately numbers 3 to 5)')")
    assert "Too few people" in page.ask(text_of("fer-shy/cam0", ".instead"))
    assert page.ask(text_of("fer-shy/cam0", ".people")).startswith("2 people")
    assert "only counts people" in page.ask(text_of("fer-count/cam0", ".instead"))
    assert "Nobody was seen" in page.ask(text_of("fer-empty/cam0", ".instead"))
    assert "No data" in page.ask(text_of("fer-blind/cam0", ".instead"))
    assert "No new picture for 20 s." in page.ask(text_of("fer-blind/cam0", ".notes"))
    assert "degraded" in page.ask(text_of("fer-blind/cam0", ".state"))
    assert "Waiting for the first window" in page.ask(text_of("fer-quiet/cam0", ".instead"))
    assert "clock is not set" in page.ask(text_of("fer-timeless/cam0", ".notes"))
    assert page.ask(text_of("fer-timeless/cam0", ".people")).startswith("4 people, ")
    assert "offline for" in page.ask(text_of("fer-gone/cam0", ".state"))
    assert "10 min ago" in page.ask(text_of("fer-gone/cam0", ".people"))

    fleet.say(*(message.historical(window(lossy, seq, 60)) for seq in (3, 4, 5)))
    page.wait(f"!{text_of('fer-lossy/cam0', '.notes')}")


def test_hostile_and_malformed_messages_are_text_or_counted(broker: Any, fleet: Any, page: Any) -> None:
    attack = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    evil = device("fer-evil", attack, model_id=f"=cmd|{attack}")
    good = json.loads(window(evil, 1).payload)
    ours = "fer/v1/fer-evil/cam0/aggregate"
    page.open(broker.page)
    page.wait("document.getElementById('connection').innerText.startsWith('connected')")

    fleet.say(
        *introduce(evil, Problem("camera_stalled", attack)),
        (ours, json.dumps(good)),
        *((ours, bad) for bad in ("{", "[]", "1", '"x"', "null", "\x00", json.dumps(good | {"id": attack}))),
        *((ours, json.dumps(good | {"id": f"fer-evil-{n:012}"} | bad)) for n, bad in enumerate(
            ({"seq": -1}, {"seq": 1e300}, {"faces": None}, {"emotions": {"happy": 1}}, {"suppressed": attack}), 2)),
        ("fer/v1/fer-evil/status", json.dumps({"state": "running", "problems": [1]})),
        ("fer/v1/fer-evil/constructor", "{}"),
        ("fer/v1/__proto__/status", "{}"),
    )  # fmt: skip

    page.wait("document.getElementById('ignored').innerText.startsWith('15 messages were ignored')")
    assert page.ask(text_of("fer-evil/cam0", "h2")) == attack
    assert attack in page.ask(text_of("fer-evil/cam0", ".notes"))
    assert page.ask("document.querySelectorAll('img, main script').length") == 0
    assert page.ask("house.rooms.get('fer-evil/cam0').windows.length") == 1
    assert "'=cmd|" in page.ask("csv(house.rooms.get('fer-evil/cam0').windows)")


def test_the_days_record_holds_each_window_once_in_its_own_time(
    broker: Any, fleet: Any, page: Any, tmp_path: Path
) -> None:
    who = device("fer-record")
    late = message.historical(window(who, 1, ago_s=7200))
    page.open(broker.page)
    page.wait("document.getElementById('connection').innerText.startsWith('connected')")
    fleet.say(*introduce(who), window(who, 3, 60), window(who, 3, 60), late, window(who, 4), late)
    fleet.say(message.historical(window(who, 2, ago_s=100_000)), window(who, 5, people=0, ago_s=-30))
    page.wait("house.rooms.get('fer-record/cam0').windows.length === 4")
    page.wait("(record.flush(), true)")
    page.call("Page.reload")
    page.wait("house.rooms.get('fer-record/cam0').windows.length === 4")
    page.wait("!document.querySelector('[data-room=\"fer-record/cam0\"] .save').disabled")

    page.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    page.ask("document.querySelector('[data-room=\"fer-record/cam0\"] .save').click()")
    page.wait_for_download()

    (file,) = tmp_path.glob("fer-record-cam0-*.csv")
    rows = list(csv.DictReader(file.read_text("utf-8").splitlines()))
    assert [row["seq"] for row in rows] == ["1", "3", "4", "5"]
    assert [row["historical"] for row in rows] == ["true", "false", "false", "false"]
    assert [row["end"] for row in rows] == sorted(row["end"] for row in rows)
    assert rows[0]["end"] == json.loads(late.payload)["window"]["end"]
    assert math.isclose(sum(float(rows[0][name]) for name in EMOTIONS), 1)
    assert (rows[3]["happy"], rows[3]["people"], rows[3]["dominant"]) == ("", "0", "")


def test_opened_as_a_file_the_page_takes_the_broker_from_its_address(broker: Any, fleet: Any, page: Any) -> None:
    fleet.say(*introduce(device("fer-file", "Library")))

    page.open(f"{(DASHBOARD / 'index.html').as_uri()}?broker=ws://127.0.0.1:{broker.web_port}")

    page.wait(f"{text_of('fer-file/cam0', 'h2')} === 'Library'")


def test_a_broker_that_refuses_is_asked_again_with_a_password(web_broker: Any, page: Any, tmp_path: Path) -> None:
    secrets = tmp_path / "passwords"
    secrets.touch(mode=0o600)
    subprocess.run(["mosquitto_passwd", "-b", secrets, "wall", "open sesame"], check=True, capture_output=True)
    broker = web_broker("allow_anonymous false", f"password_file {secrets}")

    page.open(broker.page)
    page.wait("document.querySelector('dialog[open] #refusal')?.innerText.includes('another user or password')")
    page.ask(
        "fields.username.value = 'wall'; fields.password.value = 'open sesame';"
        "document.querySelector('.primary').click()"
    )

    page.wait("document.getElementById('connection').innerText.startsWith('connected')")
    assert page.ask("settings.open") is False


def test_the_page_is_used_by_keyboard_and_fits_every_screen(broker: Any, fleet: Any, page: Any, tmp_path: Path) -> None:
    pictures = Path(os.environ.get("FER_PICTURES", tmp_path))
    rooms = [device(f"fer-{i}a2b3c4d", name, window_s=300.0) for i, name in enumerate(
        ("Café", "Cinema", "Entrance hall", "Ice age", "Roof terrace", "Workshop"))]  # fmt: skip
    quiet, gone = replace(rooms[3], min_people=8), rooms[4]
    hot = Problem("throttled", "The processor is slowed down by heat or a weak power supply.")
    counting = device("fer-7a2b3c4d", "Lift", counts_only=True)
    yard = device("fer-8a2b3c4d", "Yard", window_s=300.0)
    page.look(390, 844, scheme="light")
    page.open(broker.page)
    page.wait("document.getElementById('connection').innerText.startsWith('connected')")
    for phase, who in enumerate(rooms):
        who = quiet if who.id == quiet.id else who
        fleet.say(*introduce(who, *([hot] if phase == 1 else []), online=who is not gone))
        fleet.say(*day(who, 0.8 + phase * 1.3, until_s=2400 if who is gone else 20))
    fleet.say(*introduce(counting), *(
        window(counting, seq, 3600 - 60 * seq, 1 + seq % 5, emotions=None, suppressed="counts_only")
        for seq in range(1, 60)))  # fmt: skip
    fleet.say(*introduce(yard), *(window(yard, seq, 300 * (100 - seq), max(0, 8 - seq // 10)) for seq in range(1, 101)))
    readings = [
        RoomReading(7, scores(happy=0.55, surprise=0.08, neutral=0.27, sad=0.04), None),
        RoomReading(9, scores(happy=0.24, surprise=0.38, neutral=0.2, fear=0.14), None),
        RoomReading(4, scores(happy=0.28, neutral=0.48, sad=0.1, angry=0.06), None),
        RoomReading(2, None, "too_few_people"),
    ]
    page.wait("house.rooms.size === 8 && [...house.rooms.values()].every((room) => room.windows.length > 50)")
    page.ask(f"house.devices.get('{gone.id}').heard -= 2400e3")

    for width, height, scheme in ((390, 844, "light"), (390, 844, "dark"), (1920, 1080, "light"), (1920, 1080, "dark")):
        page.look(width, height, scheme=scheme)
        page.ask("document.querySelector('[name=span][value=\"24\"]').click()")
        fleet.say(*(message.live(who, reading, CLOCK) for who, reading in zip(rooms, readings, strict=False)))
        page.wait(f"{text_of(f'{rooms[0].id}/cam0', '.people')}.includes('in view now')")
        page.picture(pictures / f"dashboard-{width}-{scheme}.png")
        assert page.ask("document.documentElement.scrollWidth <= innerWidth")

    page.ask("document.activeElement.blur()")
    seen = []
    for _ in range(6):
        page.press("Tab")
        seen.append(page.ask("document.activeElement.getAttribute('role') ?? document.activeElement.tagName"))
    assert seen == ["INPUT", "BUTTON", "slider", "SUMMARY", "BUTTON", "slider"]
    page.press("ArrowLeft")
    slider = page.ask("({...Object.fromEntries([...document.activeElement.attributes].map((a) => [a.name, a.value]))})")
    assert slider["aria-label"] == "Emotions and people in Cinema, last 24 hours"
    assert slider["aria-valuenow"] == "142"
    assert (
        page.ask("document.activeElement.parentElement.querySelector('figcaption').innerText")
        == slider["aria-valuetext"]
    )
    page.look(1920, 1080, scheme="dark", reduced_motion=True)
    assert page.ask("getComputedStyle(document.querySelector('.bars i')).transitionDuration") == "0s"
