"""Debian's prometheus-mqtt-exporter with the ready configuration, at a real broker with a real device."""

from __future__ import annotations

import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from msgspec.structs import replace

from edge.commands.demo_broker import free_port
from edge.mqtt.codec import encode
from tests.support.dashboard import Dashboard
from tests.support.days import window
from tests.support.mosquitto import Mosquitto
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from edge.mqtt.messages import Device
    from tests.support.daemon import StartDaemon
    from tests.support.mosquitto import StartMosquitto

PROGRAM = shutil.which("prometheus-mqtt-exporter")
FOLDER = Path(__file__).parents[2] / "deploy/prometheus"
pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(PROGRAM is None, reason="needs prometheus-mqtt-exporter (apt-get install it)"),
]


@dataclass
class Exporter:
    """A running exporter, and what it says."""

    port: int
    log: Path

    def metrics(self) -> dict[str, float]:
        """The values by metric and labels, those of fer-edge; the topic and the time are left out."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as answer:
                text = answer.read().decode()
        except OSError:
            return {}
        found = re.findall(r'^(fer_\w+\{.*),topic="[^"]*"\} (\S+)', text, re.MULTILINE)
        return {f"{name}}}": float(value) for name, value in found}


@pytest.fixture
def broker(mosquitto: StartMosquitto) -> Mosquitto:
    return mosquitto()


@pytest.fixture
def exporter(broker: Mosquitto, tmp_path: Path) -> Iterator[Exporter]:
    configuration, running = tmp_path / "mqtt-exporter.yaml", Exporter(free_port(), tmp_path / "exporter.log")
    ready = (FOLDER / "mqtt-exporter.yaml").read_text("utf-8")
    assert ready.count("localhost:1883") == 1
    configuration.write_text(ready.replace("localhost:1883", f"127.0.0.1:{broker.port}"))
    command = [
        str(PROGRAM),
        "-config",
        str(configuration),
        "-listen-address",
        "127.0.0.1",
        "-listen-port",
        str(running.port),
    ]
    with running.log.open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    eventually(lambda: "Will subscribe" in running.log.read_text())
    yield running
    process.kill()
    process.wait()


def test_every_metric_has_the_value_that_the_device_published(
    exporter: Exporter, broker: Mosquitto, daemon: StartDaemon
) -> None:
    daemon(broker.port, device={"id": "fer-1a2b3c4d"}, privacy={"min_people": 1})

    eventually(lambda: exporter.metrics().get('fer_windows_total{sensor="fer-1a2b3c4d/cam0/aggregate"}', 0) >= 3, 40)
    eventually(lambda: exporter.metrics().get('fer_people_now{sensor="fer-1a2b3c4d/cam0/live"}') == 1)
    shown = exporter.metrics()

    assert shown['fer_people{sensor="fer-1a2b3c4d/cam0/aggregate"}'] == 1
    emotions = {key: value for key, value in shown.items() if key.startswith("fer_emotion")}
    assert sum(emotions.values()) == pytest.approx(1, abs=0.01)
    assert max(emotions, key=emotions.__getitem__).startswith('fer_emotion{emotion="happy"')
    assert shown['fer_state{sensor="fer-1a2b3c4d/status"}'] == 0
    described = {
        metric["prom_name"] for metric in yaml.safe_load((FOLDER / "mqtt-exporter.yaml").read_text())["metrics"]
    }
    may_lack = {"fer_cpu_celsius", "fer_camera_fps"}  # a machine without a thermometer; the first status
    assert described - {key.partition("{")[0] for key in shown} <= may_lack
    assert "error" not in exporter.log.read_text().lower()


def test_a_withheld_mood_has_no_metric_and_is_no_error(exporter: Exporter, broker: Mosquitto, device: Device) -> None:
    withheld = encode(window(replace(device, id="fer-few"), 1, datetime.now(UTC), 2))

    with closing(Dashboard(broker)) as sender:
        sender.publish(withheld.topic, withheld.payload.decode())
    eventually(lambda: 'fer_people{sensor="fer-few/cam0/aggregate"}' in exporter.metrics())

    assert not any("fer_emotion" in key for key in exporter.metrics())
    assert "error" not in exporter.log.read_text().lower()
