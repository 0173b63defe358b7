"""Home Assistant's MQTT discovery: the device describes its entities, nobody types YAML."""

from __future__ import annotations

from typing import Any

from edge.contract import EMOTIONS
from edge.message import Device, Message, encode

BIRTH_TOPIC = "homeassistant/status"
"""Home Assistant says ``online`` here when it has started and forgotten what is not retained."""


def discovery(device: Device) -> Message:
    """Home Assistant's device-based discovery: one device, one entity per figure.

    A replayed window must not move a gauge: numbers then render as the empty text, which Home Assistant ignores, and
    the dominant emotion as the state it had. ``expire_after`` is safe because aggregates are not retained.
    """
    window = {
        "state_topic": device.topic(f"{device.source}/aggregate"),
        "expire_after": round(3 * device.window_s) + 10,
    }
    number = {"platform": "sensor", "state_class": "measurement", **window}
    diagnostic = {"state_topic": device.topic("status"), "entity_category": "diagnostic"}
    components: dict[str, dict[str, Any]] = {
        "people": {**number, "name": "People", "value_template": _if_new("value_json.faces.people")},
        "dominant": {
            **window,
            "platform": "sensor",
            "name": "Dominant emotion",
            "device_class": "enum",
            "options": list(EMOTIONS),
            "value_template": "{{ this.state if value_json.historical else value_json.dominant }}",
        },
        "problem": {
            **diagnostic,
            "platform": "binary_sensor",
            "name": "Problem",
            "device_class": "problem",
            "value_template": "{{ 'ON' if value_json.problems else 'OFF' }}",
        },
        "cpu_temperature": {
            **diagnostic,
            "platform": "sensor",
            "name": "CPU temperature",
            "device_class": "temperature",
            "state_class": "measurement",
            "unit_of_measurement": "°C",
            "value_template": "{{ value_json.host.cpu_temp_c }}",
        },
    }
    for emotion in EMOTIONS:
        share = f"(value_json.emotions.{emotion} * 100) | round(1) if value_json.emotions else None"
        components[emotion] = {
            **number,
            "name": emotion.capitalize(),
            "unit_of_measurement": "%",
            "value_template": _if_new(share),
        }
    for key, component in components.items():
        entity_id = f"{device.id}_{key}".replace("-", "_")
        component |= {"unique_id": entity_id, "default_entity_id": f"{component['platform']}.{entity_id}"}
    body = {
        "device": {
            "identifiers": [device.id],
            "name": device.id,
            "manufacturer": "fer-edge",
            "model": "Facial-expression sensor",
            "sw_version": device.version,
        },
        "origin": {"name": "fer-edge", "sw_version": device.version},
        "availability": [{"topic": device.topic("availability")}],
        "qos": 1,
        "components": components,
    }
    return Message(f"homeassistant/device/{device.id}/config", encode(body), retain=True)


def _if_new(expression: str) -> str:
    return f"{{% if not value_json.historical %}}{{{{ {expression} }}}}{{% endif %}}"
