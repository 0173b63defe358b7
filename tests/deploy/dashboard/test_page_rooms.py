"""What the page shows of rooms: every state as what it is, and nothing that a hostile message wants."""

from __future__ import annotations

import json
from typing import Any

from edge.mqtt.messages import Model
from edge.mqtt.wallclock import WallClock
from edge.records import Problem


def test_every_state_of_a_room_is_shown_as_what_it_is(broker: Any, fleet: Any, page: Any, sensor: Any) -> None:
    shy, counting = sensor("fer-shy"), sensor("fer-count", counts_only=True)
    empty, blind, quiet = sensor("fer-empty"), sensor("fer-blind"), sensor("fer-quiet")
    gone, lossy, timeless = sensor("fer-gone"), sensor("fer-lossy"), sensor("fer-timeless")
    busy = sensor("fer-busy")
    page.look(1920, 2160, scheme="light")
    page.enter(broker.page)

    fleet.say(
        *shy.introduce(),
        shy.window(1, people=2, emotions=None, suppressed="too_few_people"),
        *counting.introduce(),
        counting.window(1, people=9, emotions=None, suppressed="counts_only"),
        *empty.introduce(),
        empty.window(1, people=0),
        *blind.introduce(Problem("camera_stalled", "No new picture for 20 s.")),
        blind.window(1, people=0, captured=0, analysed=0),
        *quiet.introduce(),
        gone.window(1, ago_s=600),
        *gone.introduce(online=False),
        *timeless.introduce(),
        timeless.window(1, clock=WallClock(is_set=lambda _: False)),
        *lossy.introduce(),
        *(lossy.window(seq) for seq in (1, 2, 6)),
    )

    page.wait(f"{page.text_of('fer-lossy/cam0', '.notes')}.includes('3 windows are missing (lately numbers 3 to 5)')")
    assert "Too few people" in page.text("fer-shy/cam0", ".instead")
    assert page.text("fer-shy/cam0", ".people").startswith("2 people")
    assert "only counts people" in page.text("fer-count/cam0", ".instead")
    assert "Nobody was seen" in page.text("fer-empty/cam0", ".instead")
    assert "No data" in page.text("fer-blind/cam0", ".instead")
    assert "No new picture for 20 s." in page.text("fer-blind/cam0", ".notes")
    assert "degraded" in page.text("fer-blind/cam0", ".state")
    assert "Waiting for the first window" in page.text("fer-quiet/cam0", ".instead")
    assert "clock is not set" in page.text("fer-timeless/cam0", ".notes")
    assert page.text("fer-timeless/cam0", ".people").startswith("4 people in the last window")
    assert "offline for" in page.text("fer-gone/cam0", ".state")
    assert page.text("fer-gone/cam0", ".when").startswith("mood ")

    fleet.say(*(lossy.window(seq, 60, historical=True) for seq in (3, 4, 5)))
    page.wait(f"!{page.text_of('fer-lossy/cam0', '.notes')}")

    fleet.say(*busy.introduce(), busy.window(1), busy.live(9))
    page.wait(f"{page.text_of('fer-busy/cam0', '.people')}.startsWith('9 people in view now')")
    assert page.text("fer-busy/cam0", ".mostly") == "mostly happy"


def test_hostile_and_malformed_messages_are_text_or_counted(broker: Any, fleet: Any, page: Any, sensor: Any) -> None:
    attack = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    evil = sensor("fer-evil", attack, model=Model(f"=cmd|{attack}", "ab" * 32, "ferplus", "cpu"))
    good = json.loads(evil.window(1).payload)
    ours = "fer/v1/fer-evil/cam0/aggregate"
    page.enter(broker.page)

    fleet.say(
        *evil.introduce(Problem("camera_stalled", attack)),
        (ours, json.dumps(good)),
        *((ours, bad) for bad in ("{", "[]", "1", '"x"', "null", "\x00", json.dumps(good | {"id": attack}))),
        *((ours, json.dumps(good | {"id": f"fer-evil-{n:012}"} | bad)) for n, bad in enumerate(
            ({"seq": -1}, {"seq": 1e300}, {"faces": None}, {"emotions": {"happy": 1}}, {"suppressed": attack}), 2)),
        ("fer/v1/fer-evil/status", json.dumps({"state": "running", "problems": [1]})),
        ("fer/v1/fer-evil/constructor", "{}"),
        ("fer/v1/__proto__/status", "{}"),
    )  # fmt: skip

    page.wait("document.getElementById('ignored').innerText.startsWith('15 messages were ignored')")
    assert page.text("fer-evil/cam0", ".name") == attack
    assert attack in page.text("fer-evil/cam0", ".notes")
    assert page.ask("document.querySelectorAll('img, main script').length") == 0
    assert page.ask("house.rooms.get('fer-evil/cam0').windows.length") == 1
    assert "'=cmd|" in page.ask("csv(house.rooms.get('fer-evil/cam0').windows)")


def test_many_rooms_become_small_and_each_opens_a_page_of_its_own(
    broker: Any, fleet: Any, page: Any, sensor: Any
) -> None:
    rooms = [sensor(f"fer-many-{i:02}", f"Hall {i}") for i in range(12)]
    page.look(390, 844, scheme="light")
    page.enter(broker.page)

    fleet.say(*(said for one in rooms[:2] for said in (*one.introduce(), one.window(1))))
    page.wait("house.rooms.size === 2 && document.querySelectorAll('.card').length === 2")
    assert page.ask("document.querySelector('.bars').getClientRects().length") == 1
    fleet.say(*(said for one in rooms[2:] for said in (*one.introduce(), one.window(1))))
    page.wait("document.querySelectorAll('.compact .card').length === 12")
    assert page.ask("document.querySelector('.bars').getClientRects().length") == 0
    assert page.ask("document.querySelectorAll('.chart[tabindex=\"0\"]').length") == 0
    assert page.ask("document.querySelector('.legend').innerText.split('\\n').length") == 7

    page.ask("document.querySelector('[data-room=\"fer-many-07/cam0\"] a').focus()")
    page.press("Enter")
    page.wait("document.querySelector('.room h2').innerText === 'Hall 7' && document.getElementById('rooms').hidden")
    assert page.ask("document.activeElement.id") == "own"
    page.press("Escape")
    page.wait("document.activeElement.innerText === 'Hall 7'")


def test_the_page_of_a_room_waits_for_a_device_that_has_not_spoken(
    broker: Any, fleet: Any, page: Any, sensor: Any
) -> None:
    page.enter(f"{broker.page}#fer-late/cam0")
    page.wait("document.getElementById('own').innerText === 'Waiting for fer-late/cam0.'")

    fleet.say(*sensor("fer-late", "Attic").introduce(Problem("disk_low", "Only 50 MB are free.")))

    page.wait(f"{page.text_of('fer-late/cam0', '.notes')}.includes('Only 50 MB are free.')")
    assert page.text("fer-late/cam0", "h2") == "Attic"
    assert "9.8 a second" in page.text("fer-late/cam0", "dl")
