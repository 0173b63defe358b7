"""The flow of deploy/node-red in a real Node-RED; ``make node-red`` brings one and renews the pictures."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from edge.commands.demo_broker import free_port
from edge.mqtt.codec import encode
from tests.support.dashboard import Dashboard
from tests.support.days import window
from tests.support.mosquitto import Mosquitto
from tests.support.paths import ROOT
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from edge.mqtt.messages import Device
    from tests.deploy.conftest import Page
    from tests.support.daemon import StartDaemon
    from tests.support.mosquitto import StartMosquitto

MODULES = ROOT / "build/node-red/node_modules"
FLOWS = ROOT / "deploy/node-red/flows.json"
pytestmark = [
    pytest.mark.broker,
    pytest.mark.timeout(400),
    pytest.mark.skipif(not (MODULES / "node-red").is_dir(), reason="needs Node-RED: make node-red brings it"),
]
SETTINGS = "module.exports = { uiHost: '127.0.0.1', editorTheme: { tours: false }, telemetry: { enabled: false } };"


@pytest.fixture
def broker(mosquitto: StartMosquitto) -> Mosquitto:
    return mosquitto()


@pytest.fixture
def node_red(broker: Mosquitto, tmp_path: Path) -> Iterator[str]:
    """The address of a Node-RED into which the flow was imported, with the broker's port put in."""
    home, port = tmp_path / "node-red", free_port()
    home.mkdir()
    (home / "node_modules").symlink_to(MODULES)
    (home / "settings.js").write_text(SETTINGS)
    address, log = f"http://127.0.0.1:{port}", home / "log"
    (node,) = MODULES.glob("node-linux-*/bin/node")
    command = [str(node), str(MODULES / "node-red/red.js"), "--userDir", str(home), "--port", str(port)]
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=home)
    try:
        eventually(lambda: "Started flows" in log.read_text(), 120)
        flows = json.loads(FLOWS.read_text("utf-8"))
        (server,) = [node for node in flows if node["type"] == "mqtt-broker"]
        server |= {"broker": "127.0.0.1", "port": str(broker.port)}
        request = urllib.request.Request(
            f"{address}/flows", json.dumps(flows).encode(), {"Content-Type": "application/json"}
        )
        urllib.request.urlopen(request, timeout=30).close()
        eventually(lambda: "Connected to broker" in log.read_text(), 30)
        yield address
        assert "[error]" not in log.read_text()
        assert "[warn]" not in log.read_text().partition("Connected to broker")[2]
    finally:
        process.terminate()
        process.wait(20)


def shown(page: Page, text: str) -> str:
    """JavaScript: whether the dashboard shows a text."""
    return f"document.body.innerText.includes({json.dumps(text)})"


def test_the_dashboard_shows_people_moods_and_the_state_of_a_device(
    node_red: str, broker: Mosquitto, daemon: StartDaemon, page: Page, tmp_path: Path
) -> None:
    page.look(1200, 800, scheme="light")
    page.open(f"{node_red}/dashboard/rooms")
    page.wait(shown(page, "People now"), 120)

    daemon(broker.port, device={"id": "fer-1a2b3c4d"}, privacy={"min_people": 1})

    page.wait(shown(page, "happy"), 120)
    page.wait(shown(page, "running"), 120)
    page.wait("document.querySelectorAll('canvas').length === 2")
    pictures = Path(os.environ.get("FER_PICTURES") or tmp_path)
    page.ask("new Promise((resolve) => setTimeout(resolve, 10000))")  # some windows for the charts
    page.wait(f"!{shown(page, 'Connection Lost')}", 120)
    page.ask("[...document.querySelectorAll('button')].find((each) => each.innerText === 'Close')?.click()")
    page.picture(pictures / "node-red-dashboard.png")


def test_a_withheld_mood_is_said_and_a_late_window_is_no_news(
    node_red: str, broker: Mosquitto, device: Device, page: Page
) -> None:
    page.open(f"{node_red}/dashboard/rooms")
    page.wait(shown(page, "People now"), 120)
    withheld = window(device, 1, datetime.now(UTC), 2)
    late = replace(window(device, 2, datetime.now(UTC), 5), historical=True)
    nobody = window(device, 3, datetime.now(UTC), 0)

    with closing(Dashboard(broker)) as sender:
        sender.publish(encode(withheld).topic, encode(withheld).payload.decode())
        page.wait(shown(page, "withheld: too few people"), 120)
        sender.publish(encode(late).topic, encode(late).payload.decode())
        sender.publish(encode(nobody).topic, encode(nobody).payload.decode())
        page.wait(shown(page, "nobody in view"), 120)


def test_the_flow_is_a_few_nodes_in_the_editor(node_red: str, page: Page, tmp_path: Path) -> None:
    page.look(1600, 520, scheme="light")

    page.open(node_red)
    page.wait("document.querySelectorAll('.red-ui-flow-node').length >= 14", 120)

    page.ask("new Promise((resolve) => setTimeout(resolve, 3000))")
    page.picture(Path(os.environ.get("FER_PICTURES") or tmp_path) / "node-red-flow.png")
