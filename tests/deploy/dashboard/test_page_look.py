"""How the page looks and is used: on every screen, light and dark, by keyboard.

``FER_PICTURES=docs/pictures`` renews the pictures of the documentation.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from edge.records import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.deploy.conftest import Page
    from tests.deploy.dashboard.conftest import Fleet, MakeDevice, WebBroker

HOT = Problem("throttled", "The processor is slowed down by heat or a weak power supply.")


@pytest.fixture
def museum(broker: WebBroker, fleet: Fleet, page: Page, fake_device: MakeDevice) -> Callable[[], None]:
    """Eight rooms in all states, with the windows of a day; ``museum()`` publishes live readings of four."""
    names = ("Café", "Cinema", "Entrance hall", "Ice age", "Roof terrace", "Workshop")
    rooms = [
        fake_device(f"fer-{i}a2b3c4d", name, window_s=300.0, min_people=8 if name == "Ice age" else 3)
        for i, name in enumerate(names)
    ]
    gone = rooms[4]
    counting, yard = (
        fake_device("fer-7a2b3c4d", "Lift", counts_only=True),
        fake_device("fer-8a2b3c4d", "Yard", window_s=300.0),
    )
    page.look(390, 844, scheme="light")
    page.enter(broker.page)
    for phase, who in enumerate(rooms):
        fleet.publish(*who.retained(*([HOT] if phase == 1 else []), online=who is not gone))
        fleet.publish(*who.day(0.8 + phase * 1.3, until_s=2400 if who is gone else 20))
    withheld: dict[str, Any] = {"emotions": None, "uncertain": None, "suppressed": "counts_only"}
    fleet.publish(
        *counting.retained(), *(counting.window(seq, 3600 - 60 * seq, 1 + seq % 5, **withheld) for seq in range(1, 60))
    )
    fleet.publish(
        *yard.retained(), *(yard.window(seq, 300 * (100 - seq), max(0, 8 - seq // 10)) for seq in range(1, 101))
    )
    page.wait("registry.rooms.size === 8 && [...registry.rooms.values()].every((room) => room.windows.length > 50)")
    page.ask(f"registry.devices.get('{gone.device.id}').lastHeard -= 2400e3")
    page.ask("document.querySelector('[name=span][value=\"24\"]').click()")

    def publish_live() -> None:
        fleet.publish(*(who.live(people) for who, people in zip(rooms[:4], (7, 9, 4, 2), strict=True)))
        page.wait("document.body.innerText.includes('people in view now') || document.querySelector('.compact')")

    return publish_live


def test_the_page_fits_every_screen(museum: Callable[[], None], page: Page, tmp_path: Path) -> None:
    pictures = Path(os.environ.get("FER_PICTURES", tmp_path))

    for width, height, scheme, all_rooms, one_room in (
        (320, 568, "dark", "", ""),
        (390, 844, "light", "dashboard-phone-light", ""),
        (1024, 768, "light", "", ""),
        (1920, 1080, "dark", "dashboard-wall-dark", ""),
        (1920, 1080, "light", "", "dashboard-room-light"),
    ):
        page.look(width, height, scheme=scheme)
        museum()
        if all_rooms:
            page.picture(pictures / f"{all_rooms}.png")
        assert page.ask("document.documentElement.scrollWidth <= innerWidth")
        page.ask("location.hash = 'fer-1a2b3c4d/cam0'")
        page.wait(f"{page.text_of('fer-1a2b3c4d/cam0', 'h2')} === 'Cinema'")
        if one_room:
            page.picture(pictures / f"{one_room}.png")
        assert page.ask("document.documentElement.scrollWidth <= innerWidth")
        page.ask("location.hash = ''")
        page.wait("!document.getElementById('rooms').hidden")


def test_long_names_and_problems_stay_in_their_card(
    broker: WebBroker, fleet: Fleet, page: Page, fake_device: MakeDevice
) -> None:
    words = "Thenorthernreadingroomofthemunicipallibrarywithoutanyspace" * 2
    page.look(320, 568, scheme="light")
    page.enter(broker.page)

    fleet.publish(*fake_device("a" * 32, words, source="b" * 32).retained(Problem("disk_low", words)))

    page.wait(f"document.body.innerText.includes('{words}')")
    assert page.ask("document.documentElement.scrollWidth <= innerWidth")
    page.ask("document.querySelector('h2 a').click()")
    page.wait("document.querySelector('.room h2')")
    assert page.ask("document.documentElement.scrollWidth <= innerWidth")


def test_the_page_is_used_by_keyboard(broker: WebBroker, fleet: Fleet, page: Page, fake_device: MakeDevice) -> None:
    page.look(1920, 1080, scheme="dark")
    page.enter(broker.page)
    for name in ("Café", "Cinema"):
        who = fake_device(f"fer-{name[:2].lower()}-1", name)
        fleet.publish(*who.retained(), who.window(1))
    page.wait("document.querySelectorAll('.bars:not([hidden])').length === 2")

    focused = []
    for _ in range(6):
        page.press("Tab")
        focused.append(page.ask("document.activeElement.getAttribute('role') ?? document.activeElement.tagName"))
    assert focused == ["INPUT", "BUTTON", "A", "slider", "A", "slider"]
    page.press("ArrowLeft")
    slider = page.ask("({...Object.fromEntries([...document.activeElement.attributes].map((a) => [a.name, a.value]))})")
    assert slider["aria-label"] == "Emotions and people in Cinema, last hour"
    assert slider["aria-valuenow"] == "118"
    caption = page.ask("document.activeElement.parentElement.querySelector('figcaption').innerText")
    assert caption == slider["aria-valuetext"]


def test_nothing_moves_where_reduced_motion_is_preferred(
    broker: WebBroker, fleet: Fleet, page: Page, fake_device: MakeDevice
) -> None:
    page.look(1920, 1080, scheme="dark", reduced_motion=True)
    page.enter(broker.page)

    device = fake_device("fer-still")
    fleet.publish(*device.retained(), device.window(1))

    page.wait("getComputedStyle(document.querySelector('.bars i')).transitionDuration === '0s'")
