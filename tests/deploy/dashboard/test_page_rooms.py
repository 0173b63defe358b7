"""What the page shows of rooms: every state, and hostile messages only as text."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edge.mqtt.messages import Deployment, Model, Privacy
from edge.mqtt.wallclock import WallClock
from edge.records import Basis, EmotionScores, Paused, Problem

PAGE = (Path(__file__).parents[3] / "deploy" / "dashboard" / "index.html").as_uri()

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.mqtt.codec import Message
    from edge.records import EmotionScores
    from tests.deploy.conftest import Page
    from tests.deploy.dashboard.conftest import Fleet, MakeDevice, WebBroker


def test_before_the_first_window_the_mood_is_that_of_now(
    broker: WebBroker, fleet: Fleet, page: Page, fake_device: MakeDevice, scores: Callable[..., EmotionScores]
) -> None:
    alone = fake_device("fer-1a2b3c4d", "Foyer", min_people=1)
    page.enter(broker.page)

    fleet.publish(*alone.retained(), alone.live(1, scores(happy=0.9)))

    page.wait(f"{page.text_of('fer-1a2b3c4d/cam0', '.mostly')} === 'mostly happy'")
    assert page.text("fer-1a2b3c4d/cam0", ".when") == "mood now"


def test_a_kiosk_tells_how_many_visits_a_mood_has_and_how_many_are_missing_for_the_next(
    broker: WebBroker, fleet: Fleet, page: Page, fake_device: MakeDevice
) -> None:
    kiosk = fake_device("fer-kiosk", privacy=Privacy(3, counts_only=False, mode="visits"))
    page.enter(broker.page)

    fleet.publish(
        *kiosk.retained(),
        kiosk.window(1, people=1, emotions=None, suppressed="gathering", visits=1, gathered=2),
    )
    page.wait(f"{page.text_of('fer-kiosk/cam0', '.explanation .more')} === '2 of 3 have ended.'")
    assert page.text("fer-kiosk/cam0", ".explanation .word") == "Waiting for more visits."
    now_s = time.monotonic()
    fleet.publish(kiosk.window(2, visits=1, gathered=0, basis=Basis("visits", 3, now_s - 300, now_s)))

    page.wait(f"{page.text_of('fer-kiosk/cam0', '.when')}.startsWith('mood of 3 visits since ')")


def test_every_state_of_a_room_is_shown(broker: WebBroker, fleet: Fleet, page: Page, fake_device: MakeDevice) -> None:
    shy, counting = fake_device("fer-shy"), fake_device("fer-count", counts_only=True)
    asleep = fake_device("fer-night")
    at_work = fake_device("fer-work", deployment=Deployment("workplace"))
    empty, blind, quiet = fake_device("fer-empty"), fake_device("fer-blind"), fake_device("fer-quiet")
    gone, lossy, timeless = fake_device("fer-gone"), fake_device("fer-lossy"), fake_device("fer-timeless")
    busy = fake_device("fer-busy")
    page.look(1920, 2160, scheme="light")
    page.enter(broker.page)

    fleet.publish(
        *shy.retained(),
        shy.window(1, people=2, emotions=None, suppressed="too_few_people"),
        *counting.retained(),
        counting.window(1, people=9, emotions=None, suppressed="counts_only"),
        *asleep.retained(state="paused", paused=Paused("quiet_hours", datetime(2036, 11, 26, 6, tzinfo=UTC))),
        ("fer/v1/fer-night/command/pause", '{"paused": true}'),
        *at_work.retained(),
        at_work.window(1, people=4, emotions=None, suppressed="context"),
        *empty.retained(),
        empty.window(1, people=0),
        *blind.retained(Problem("camera_stalled", "No new frame for 20 s.")),
        blind.window(1, people=0, captured=0, analysed=0),
        *quiet.retained(),
        gone.window(1, ago_s=600),
        *gone.retained(online=False),
        *timeless.retained(),
        timeless.window(1, clock=WallClock(is_set=lambda _: False)),
        *lossy.retained(),
        *(lossy.window(seq) for seq in (1, 2, 6)),
    )

    page.wait(
        f"{page.text_of('fer-lossy/cam0', '.notes')}.includes('3 windows are missing (most recently numbers 3 to 5)')"
    )
    assert "Too few people" in page.text("fer-shy/cam0", ".explanation")
    assert page.text("fer-shy/cam0", ".people").startswith("2 people")
    assert "only counts people" in page.text("fer-count/cam0", ".explanation")
    assert "Emotions are withheld in workplace" in page.text("fer-work/cam0", ".explanation")
    assert page.text("fer-night/cam0", ".state").split("paused")[1].startswith(" in quiet hours until ")
    assert page.ask("registry.ignored") == 0
    assert "Nobody was seen" in page.text("fer-empty/cam0", ".explanation")
    assert "No data" in page.text("fer-blind/cam0", ".explanation")
    assert "No new frame for 20 s." in page.text("fer-blind/cam0", ".notes")
    assert "degraded" in page.text("fer-blind/cam0", ".state")
    assert "Waiting for the first window" in page.text("fer-quiet/cam0", ".explanation")
    assert "clock is not set" in page.text("fer-timeless/cam0", ".notes")
    assert page.text("fer-timeless/cam0", ".people").startswith("4 people in the last window")
    assert "offline for" in page.text("fer-gone/cam0", ".state")
    assert page.text("fer-gone/cam0", ".when").startswith("mood ")

    fleet.publish(*(lossy.window(seq, 60, historical=True) for seq in (3, 4, 5)))
    page.wait(f"!{page.text_of('fer-lossy/cam0', '.notes')}")

    fleet.publish(*busy.retained(), busy.window(1), busy.live(9))
    page.wait(f"{page.text_of('fer-busy/cam0', '.people')}.startsWith('9 people in view now')")
    assert page.text("fer-busy/cam0", ".mostly") == "mostly happy"


@pytest.mark.row(31, "markup, prototypes and malformed messages, to the page")
def test_hostile_and_malformed_messages_are_text_or_counted(
    broker: WebBroker, fleet: Fleet, page: Page, fake_device: MakeDevice
) -> None:
    attack = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    evil = fake_device("fer-evil", attack, model=Model(f"=cmd|{attack}", "ab" * 32, "ferplus", "cpu"))
    good = json.loads(evil.window(1).payload)
    ours = "fer/v1/fer-evil/cam0/aggregate"
    page.enter(broker.page)

    fleet.publish(
        *evil.retained(Problem("camera_stalled", attack)),
        (ours, json.dumps(good)),
        *((ours, bad) for bad in ("{", "[]", "1", '"x"', "null", "\x00", json.dumps(good | {"id": attack}))),
        *((ours, json.dumps(good | {"id": f"fer-evil-{n:012}"} | bad)) for n, bad in enumerate(
            ({"seq": -1}, {"seq": 1e300}, {"faces": None}, {"emotions": {"happy": 1}}, {"suppressed": attack}), 2)),
        *((ours, json.dumps(good | {"id": f"fer-evil-{n:012}"} | bad)) for n, bad in enumerate(
            ({"device": "fer-good"}, {"source": "cam1"}, {"id": "fer-good-000000000001"}), 10)),
        ("fer/v1/fer-evil/status", json.dumps({"device": "fer-evil", "state": "running", "problems": [1]})),
        ("fer/v1/fer-evil/constructor", "{}"),
        ("fer/v1/__proto__/status", "{}"),
    )  # fmt: skip

    page.wait("document.getElementById('ignored').innerText.startsWith('18 messages were ignored')")
    assert page.text("fer-evil/cam0", ".name") == attack
    assert attack in page.text("fer-evil/cam0", ".notes")
    assert page.ask("document.querySelectorAll('img, main script').length") == 0
    assert page.ask("registry.rooms.get('fer-evil/cam0').windows.length") == 1
    assert "'=cmd|" in page.ask("toCsv(registry.rooms.get('fer-evil/cam0').windows)")


OTHER = ("confused", "gut gelaunt", "10", "constructor", "happy")


def test_a_model_with_other_labels_is_shown_with_them_in_the_order_and_colours_of_its_release(
    broker: WebBroker, fleet: Fleet, page: Page, fake_device: MakeDevice
) -> None:
    device = fake_device("fer-labels", labels=OTHER, order=OTHER[::-1], colours={"confused": "#123456"})
    shares = EmotionScores((0.5, 0.2, 0.15, 0.1, 0.05), OTHER)
    page.enter(broker.page)

    fleet.publish(*device.retained(), device.window(1, emotions=shares))

    page.wait(f"{page.text_of('fer-labels/cam0', '.mostly')} === 'mostly confused'")
    bars = page.text("fer-labels/cam0", ".bars").split("\n")
    assert bars == ["happy", "5 %", "constructor", "10 %", "10", "15 %", "gut gelaunt", "20 %", "confused", "50 %"]
    hues = page.ask(
        "[...document.querySelectorAll('.bars li')].map((bar) => getComputedStyle(bar).getPropertyValue('--hue'))"
    )
    assert hues[-1] == "#123456"
    assert len(set(hues)) == 5
    assert set(page.ask("[...document.querySelectorAll('.legend li')].map((entry) => entry.textContent)")) == set(OTHER)
    assert page.ask("registry.ignored") == 0


def test_windows_of_the_model_before_keep_their_labels_and_are_never_added_to_those_of_the_new_one(
    broker: WebBroker, fleet: Fleet, page: Page, fake_device: MakeDevice
) -> None:
    before, now = fake_device("fer-labels"), fake_device("fer-labels", labels=OTHER)
    shares = EmotionScores((0.5, 0.2, 0.15, 0.1, 0.05), OTHER)
    page.enter(broker.page)

    fleet.publish(*before.retained(), *(before.window(seq, ago_s=1200 - 60 * seq) for seq in range(1, 10)))
    fleet.publish(*now.retained(), *(now.window(seq, ago_s=1200 - 60 * seq, emotions=shares) for seq in range(10, 20)))

    page.wait(f"{page.text_of('fer-labels/cam0', '.mostly')} === 'mostly confused'")
    windows = "registry.rooms.get('fer-labels/cam0').windows"
    count_labels = "({ emotions }) => Object.keys(emotions).length"
    bins = page.ask(f"binByHour({windows}, Date.now()).map({count_labels})")
    assert set(bins) <= {5, 7}
    page.wait("document.querySelectorAll('.chart .share[style]').length === 4")
    ends = "[...document.querySelectorAll('.chart .share')].map((area) => [area.matches('.neutral, [style]'), area])"
    neutral, *others = page.ask(
        f"{ends}.filter(([is]) => is).map(([, area]) => [area.getBBox().x, area.getBBox().x + area.getBBox().width])"
    )
    assert all(neutral[1] <= other[0] + 0.1 for other in others)
    again = page.ask(f"fromCsv(toCsv({windows})).map({count_labels})")
    assert again == [7] * 9 + [5] * 10


def test_many_cards_become_compact_and_each_opens_the_page_of_its_room(
    broker: WebBroker, fleet: Fleet, page: Page, fake_device: MakeDevice
) -> None:
    rooms = [fake_device(f"fer-many-{i:02}", f"Hall {i}") for i in range(12)]
    page.look(390, 844, scheme="light")
    page.enter(broker.page)

    fleet.publish(*(message for room in rooms[:2] for message in (*room.retained(), room.window(1))))
    page.wait("registry.rooms.size === 2 && document.querySelectorAll('.card').length === 2")
    assert page.ask("document.querySelector('.bars').getClientRects().length") == 1
    fleet.publish(*(message for room in rooms[2:] for message in (*room.retained(), room.window(1))))
    page.wait("document.querySelectorAll('.compact .card').length === 12")
    assert page.ask("document.querySelector('.bars').getClientRects().length") == 0
    assert page.ask("document.querySelectorAll('.chart[tabindex=\"0\"]').length") == 0
    assert page.ask("document.querySelector('.legend').innerText.split('\\n').length") == 7

    page.ask("document.querySelector('[data-room=\"fer-many-07/cam0\"] a').focus()")
    page.press("Enter")
    page.wait("document.querySelector('.room h2').innerText === 'Hall 7' && document.getElementById('rooms').hidden")
    assert page.ask("document.activeElement.id") == "room-page"
    page.press("Escape")
    page.wait("document.activeElement.innerText === 'Hall 7'")


def test_the_page_of_a_room_waits_for_a_device_that_has_not_published(
    broker: WebBroker, fleet: Fleet, page: Page, fake_device: MakeDevice
) -> None:
    page.enter(f"{broker.page}#fer-late/cam0")
    page.wait("document.getElementById('room-page').innerText === 'Waiting for fer-late/cam0.'")

    fleet.publish(*fake_device("fer-late", "Attic").retained(Problem("disk_low", "Only 50 MB are free.")))

    page.wait(f"{page.text_of('fer-late/cam0', '.notes')}.includes('Only 50 MB are free.')")
    assert page.text("fer-late/cam0", "h2") == "Attic"
    assert "9.8 per second" in page.text("fer-late/cam0", "dl")


RECEIVE_MANY = """
((messages) => {
  const registry = new DeviceRegistry();
  const receive = ([topic, payload]) => registry.receive(topic, new TextEncoder().encode(payload), false, Date.now());
  const accepted = messages.map(receive).filter((window) => window).length;
  const kept = [...registry.rooms.values()].map((room) => room.windows.length);
  return { accepted, rooms: registry.rooms.size, ignored: registry.ignored, most: Math.max(...kept) };
})
"""


def receive_many(page: Page, messages: list[Message]) -> dict[str, int]:
    """What the registry of the page has after these messages."""
    page.open(PAGE)
    page.wait("typeof DeviceRegistry === 'function'")
    sent = json.dumps([[message.topic, message.payload.decode()] for message in messages])
    counts: dict[str, int] = page.ask(f"{RECEIVE_MANY}({sent})")
    return counts


@pytest.mark.row(31, "a device invents cameras, to the page")
def test_one_device_cannot_take_the_rooms_of_the_others(page: Page, fake_device: MakeDevice) -> None:
    cameras = [fake_device("fer-evil", source=f"cam{number}") for number in range(1000)]

    counts = receive_many(
        page,
        [each.live(1) for each in cameras]
        + [each.window(seq) for seq, each in enumerate(cameras, 1)]
        + [fake_device("fer-other").window(1)],
    )

    assert counts == {"accepted": 17, "rooms": 17, "ignored": 2 * 984, "most": 1}


def test_with_many_rooms_each_keeps_fewer_windows(page: Page, fake_device: MakeDevice) -> None:
    one = fake_device("fer-0")

    counts = receive_many(
        page,
        [fake_device(f"fer-{number}").window(1) for number in range(2000)]
        + [one.window(seq, ago_s=600 - seq) for seq in range(2, 300)]
        + [fake_device("fer-late").window(1)],
    )

    assert counts == {"accepted": 2298, "rooms": 2000, "ignored": 1, "most": 100}
