"""An entity of Home Assistant, with its templates and its rules of expiry, and what a device tells it."""

from __future__ import annotations

import json
from typing import Any

from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from edge.mqtt.home_assistant import discovery
from edge.mqtt.messages import Device
from edge.records import CameraHealth, DeliveryHealth, Health, HostHealth, InferenceHealth, Problem

TEMPLATES = ImmutableSandboxedEnvironment(undefined=StrictUndefined)


def described(device: Device) -> Any:
    """The discovery message of a device."""
    return json.loads(discovery(device).payload)


class ExpiringEntity:
    """Home Assistant's MQTT sensor (``MqttSensor`` in homeassistant/components/mqtt/sensor.py, 2026.9)."""

    def __init__(self, device: Device, name: str) -> None:
        self.config = described(device)["components"][name]
        self.value: str | None = None
        self.expired = "expire_after" in self.config
        self.warnings: list[str] = []

    @property
    def state(self) -> str:
        """What Home Assistant shows."""
        if self.expired:
            return "unavailable"
        return "unknown" if self.value is None else self.value

    def expire(self) -> None:
        """Let ``expire_after`` pass."""
        self.expired = "expire_after" in self.config

    def hear(self, payload: bytes) -> str:
        """What it shows after a message on its topic."""
        this, self.expired = {"state": self.state}, False
        template = TEMPLATES.from_string(self.config["value_template"])
        rendered = template.render(value_json=json.loads(payload), this=this).strip()
        numeric = "state_class" in self.config
        if rendered == "None":
            self.value = None
        elif "options" in self.config and rendered not in self.config["options"]:
            self.warnings.append(rendered)
        elif rendered or not numeric:
            self.value = rendered
        return self.state


def health(*problems: Problem) -> Health:
    """A device that runs, with these problems."""
    return Health(
        state="degraded" if problems else "running",
        problems=problems,
        camera=CameraHealth("csi", 9.8, 0.1, 0, 0, 0),
        inference=InferenceHealth("cpu", None, None),
        mqtt=DeliveryHealth(3, 12.0, 0, 0, 0, "5eed0001", 0, None),
        host=HostHealth(None, None, None, None),
        uptime_s=1.0,
        version="0.1.0",
    )
