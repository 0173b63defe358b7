"""The ready dashboard shows the entities that discovery makes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

from edge.homeassistant import discovery
from edge.message import Device

FOLDER = Path(__file__).parents[2] / "deploy" / "home-assistant"


def test_the_dashboard_shows_every_entity_of_discovery_and_no_other(device: Device) -> None:
    components = json.loads(discovery(device).payload)["components"].values()

    shown = re.findall(r"\b(?:binary_)?sensor\.\w+", (FOLDER / "dashboard.yaml").read_text("utf-8"))

    assert set(shown) == {component["default_entity_id"] for component in components}


def test_the_dashboard_holds_views_of_cards_with_entities() -> None:
    (view,) = yaml.safe_load((FOLDER / "dashboard.yaml").read_text("utf-8"))["views"]

    cards = [card for section in view["sections"] for card in section["cards"]]

    assert {card["type"] for card in cards} == {"heading", "tile", "entities", "history-graph"}
    assert all(card.keys() & {"heading", "entity", "entities"} for card in cards)
