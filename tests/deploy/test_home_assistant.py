"""The ready dashboard shows the entities that discovery makes."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import yaml
from msgspec.structs import replace

from edge.mqtt.home_assistant import discovery
from edge.mqtt.messages import Device

FOLDER = Path(__file__).parents[2] / "deploy" / "home-assistant"


def test_the_dashboard_shows_every_entity_of_discovery_and_no_other(device: Device) -> None:
    components = json.loads(discovery(device).payload)["components"].values()

    shown = re.findall(r"\b(?:binary_)?sensor\.\w+", (FOLDER / "dashboard.yaml").read_text("utf-8"))

    assert set(shown) == {component["default_entity_id"] for component in components}


REQUIRED = {
    "heading": {"heading", "icon"},
    "tile": {"entity", "name"},
    "entities": {"entities"},
    "history-graph": {"entities"},
}
OPTIONAL = {"tile": {"grid_options", "visibility"}, "history-graph": {"title", "hours_to_show"}}
"""Keys that the dashboard uses, of those on home-assistant.io/dashboards/<type of card>."""


def test_the_dashboard_is_one_view_of_sections_of_cards_as_home_assistant_reads_them() -> None:
    dashboard = yaml.safe_load((FOLDER / "dashboard.yaml").read_text("utf-8"))

    (view,) = dashboard["views"]
    cards = [card for section in view["sections"] for card in section["cards"]]

    assert set(dashboard) == {"title", "views"}
    assert set(view) == {"title", "type", "max_columns", "sections"}
    assert (view["type"], len(view["sections"])) == ("sections", view["max_columns"])
    assert all(set(section) == {"cards"} for section in view["sections"])
    for card in cards:
        keys = card.keys() - {"type"}
        assert all(set(row) == {"entity", "name"} for row in card.get("entities", ())), "else it begins with the device"
        assert REQUIRED[card["type"]] <= keys <= REQUIRED[card["type"]] | OPTIONAL.get(card["type"], set())


def test_the_readme_tells_how_to_make_it_the_dashboard_of_another_device(device: Device) -> None:
    (command,) = re.findall(r"^sed '(.*)' dashboard.yaml$", (FOLDER / "README.md").read_text("utf-8"), re.MULTILINE)

    made = subprocess.run(
        ["sed", command, FOLDER / "dashboard.yaml"], capture_output=True, text=True, check=True
    ).stdout

    other = replace(device, id="fer-0123abcd")
    assert set(re.findall(r"\b(?:binary_)?sensor\.\w+", made)) == {
        component["default_entity_id"] for component in json.loads(discovery(other).payload)["components"].values()
    }
    assert "1a2b3c4d" not in made.split("\n", 1)[1]
