"""A device in a real Home Assistant; ``make home-assistant`` brings one and renews the pictures."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.deploy.conftest import open_page
from tests.support import home_assistant
from tests.support.dashboard import Dashboard
from tests.support.home_assistant import HomeAssistant
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from tests.deploy.conftest import Page
    from tests.support.daemon import StartDaemon
    from tests.support.mosquitto import Mosquitto, StartMosquitto

pytestmark = [
    pytest.mark.broker,
    pytest.mark.timeout(400),
    pytest.mark.skipif(
        not home_assistant.IS_HERE, reason="needs a Home Assistant, and root for it: make home-assistant brings it"
    ),
]

ID = "fer-1a2b3c4d"
"""The id in deploy/home-assistant/dashboard.yaml."""
MOOD, OCCUPANCY = "sensor.fer_1a2b3c4d_dominant", "binary_sensor.fer_1a2b3c4d_occupancy"
PAGE = "http://wall.example/#fer-1a2b3c4d"
WHO = {"id": ID, "site": "City Museum", "room": "Foyer", "page": PAGE}


def publish(topic: str) -> list[dict[str, Any]]:
    return [{"action": "mqtt.publish", "data": {"topic": topic, "payload": "done"}}]


AUTOMATIONS = [
    {
        "id": "mood",
        "alias": "Happy room",
        "use_blueprint": {
            "path": "fer-edge/mood.yaml",
            "input": {"mood": MOOD, "is": "Happy", "minutes": 0.02, "actions": publish("test/mood")},
        },
    },
    {
        "id": "occupancy",
        "alias": "Light in the foyer",
        "use_blueprint": {
            "path": "fer-edge/occupancy.yaml",
            "input": {
                "occupancy": OCCUPANCY,
                "minutes": 0.02,
                "somebody": publish("test/somebody"),
                "nobody": publish("test/nobody"),
            },
        },
    },
]


@pytest.fixture
def broker(mosquitto: StartMosquitto) -> Mosquitto:
    return mosquitto()


@pytest.fixture
def wall(broker: Mosquitto) -> Iterator[Dashboard]:
    """Another client, which hears what the device publishes and what automations do."""
    client = Dashboard(broker)
    yield client
    client.close()


@pytest.fixture
def house(broker: Mosquitto) -> Iterator[HomeAssistant]:
    """A Home Assistant that is connected to the broker."""
    running = HomeAssistant(AUTOMATIONS)
    try:
        running.start()
        running.add_broker(broker.port)
        yield running
    finally:
        running.stop()


@pytest.fixture
def browser(house: HomeAssistant, chromium: str) -> Iterator[Page]:
    """A tab in which the owner has logged in."""
    tokens = {
        "access_token": house.token,
        "token_type": "Bearer",
        "expires_in": 315_360_000,
        "hassUrl": house.url,
        "clientId": f"{house.url}/",
        "expires": 4_102_444_800_000,
        "refresh_token": "",
    }
    with open_page(chromium) as tab:
        login = f"localStorage.setItem('hassTokens', {json.dumps(json.dumps(tokens))})"
        tab.call("Page.addScriptToEvaluateOnNewDocument", source=login)
        yield tab
        tab.errors.clear()  # those of Home Assistant's own page


def described(wall: Dashboard) -> set[str]:
    """The entities that the device's newest discovery describes."""
    components = wall.payloads(f"homeassistant/device/{ID}/config")[-1]["components"].values()
    return {component["default_entity_id"] for component in components if "unique_id" in component}


def unknown(house: HomeAssistant) -> set[str]:
    return {entity for entity in house.entities() if house.state(entity) in ("unknown", "unavailable", None)}


def test_a_device_appears_with_its_name_and_every_entity_gets_a_value(
    house: HomeAssistant, broker: Mosquitto, daemon: StartDaemon, wall: Dashboard, browser: Page, tmp_path: Path
) -> None:
    running = daemon(broker.port, device=WHO, privacy={"min_people": 1}, mqtt={"commands": True})

    eventually(lambda: house.state(MOOD) == "Happy", 60)
    eventually(lambda: house.state(OCCUPANCY) == "on", 30)
    eventually(lambda: not unknown(house), 90)

    assert house.entities() == described(wall)
    (device,) = [each for each in house.command("config/device_registry/list") if each["manufacturer"] == "fer-edge"]
    assert (device["name"], device["configuration_url"]) == ("Foyer", PAGE)
    wall.wait(lambda: bool(wall.payloads("test/mood") and wall.payloads("test/somebody")))
    assert house.complaints() == []

    pictures = Path(os.environ.get("FER_PICTURES") or tmp_path)
    show(browser, f"{house.url}/mood-room", "Uncertain readings", pictures / "home-assistant-dashboard.png")
    show(
        browser,
        f"{house.url}/config/devices/device/{device['id']}",
        "Windows waiting",
        pictures / "home-assistant-device.png",
    )

    house.post("/api/services/switch/turn_on", {"entity_id": "switch.fer_1a2b3c4d_pause"})
    eventually(lambda: house.state("sensor.fer_1a2b3c4d_state") == "Paused", 30)
    house.post("/api/services/switch/turn_off", {"entity_id": "switch.fer_1a2b3c4d_pause"})
    eventually(lambda: house.state("sensor.fer_1a2b3c4d_state") == "Running", 30)

    running.stop()
    running.configure(device=WHO, privacy={"counts_only": True})
    running.start()
    eventually(lambda: house.state(MOOD) is None, 60)
    eventually(lambda: not unknown(house), 90)  # frames per second come with the second status, after a minute
    assert house.entities() == described(wall)
    assert house.complaints() == []


SEEK = """function seek(root, text) {
  return [...root.querySelectorAll("*")].some((element) =>
    (!element.children.length && element.textContent.includes(text)) ||
    (element.shadowRoot && seek(element.shadowRoot, text)));
}"""
"""Whether a text is on a page that is made of web components."""


def show(page: Page, address: str, text: str, picture: Path) -> None:
    """Go there, wait until ``text`` is on the page, and keep a picture of it."""
    page.look(1400, 1050, scheme="light")
    page.open(address)
    try:
        page.wait(f"({SEEK})(document, {json.dumps(text)})", 60)
    except AssertionError:
        page.picture(picture)
        raise
    page.ask("new Promise((resolve) => setTimeout(resolve, 4000))")  # graphs are drawn after their page
    page.picture(picture)
