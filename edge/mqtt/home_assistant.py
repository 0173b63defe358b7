"""Home Assistant's MQTT discovery: the device describes its entities, nobody types YAML."""

from __future__ import annotations

from typing import Any, get_args

from edge.labels import EMOTIONS
from edge.mqtt.messages import Device, Message, encode
from edge.records import State

BIRTH_TOPIC = "homeassistant/status"
"""Home Assistant says ``online`` here when it has started and forgotten what is not retained."""

_ICONS = dict(
    zip(EMOTIONS, ("angry", "sick", "frown", "happy", "sad", "excited", "neutral"), strict=True),
)


def discovery(device: Device) -> Message:
    """Home Assistant's device-based discovery: one device, one entity per figure.

    The same device always makes the same bytes: Home Assistant ignores an unchanged description, and lets every entity
    of a changed one expire. ``expire_after`` is safe because aggregates are not retained.
    """
    components = _of_windows(device) | _of_health(device)
    for key, component in components.items():
        entity_id = f"{device.id}_{key}".replace("-", "_")
        component |= {"unique_id": entity_id, "default_entity_id": f"{component['platform']}.{entity_id}"}
    about = {
        "identifiers": [device.id],
        "name": device.id,
        "manufacturer": "fer-edge",
        "model": "Facial-expression sensor",
        "sw_version": device.version,
    }
    if room := device.context.get("room"):
        about["suggested_area"] = room
    body = {
        "device": about,
        "origin": {"name": "fer-edge", "sw_version": device.version},
        "availability": [{"topic": device.topic("availability")}],
        "qos": 1,
        "components": components,
    }
    return Message(f"homeassistant/device/{device.id}/config", encode(body), retain=True)


def _of_windows(device: Device) -> dict[str, dict[str, Any]]:
    window = {
        "platform": "sensor",
        "state_topic": device.topic(f"{device.source}/aggregate"),
        "expire_after": round(3 * device.window_s) + 10,
    }
    number = {**window, "state_class": "measurement"}
    components: dict[str, dict[str, Any]] = {
        "people": {
            **number,
            "name": "People",
            "icon": "mdi:account-group",
            "value_template": _of_fresh("value_json.faces.people"),
        },
        "dominant": {
            **window,
            "name": "Dominant emotion",
            "icon": "mdi:emoticon-outline",
            "device_class": "enum",
            "options": EMOTIONS,
            "value_template": _of_fresh("value_json.dominant"),
        },
    }
    for emotion in EMOTIONS:
        share = f"(value_json.emotions.{emotion} * 100) | round(1) if value_json.emotions else None"
        components[emotion] = {
            **number,
            "name": emotion.capitalize(),
            "icon": f"mdi:emoticon-{_ICONS[emotion]}",
            "unit_of_measurement": "%",
            "suggested_display_precision": 0,
            "value_template": _of_fresh(share),
        }
    return components


def _of_health(device: Device) -> dict[str, dict[str, Any]]:
    status = {"platform": "sensor", "state_topic": device.topic("status"), "entity_category": "diagnostic"}
    number = {**status, "state_class": "measurement"}
    return {
        "problem": {
            **status,
            "platform": "binary_sensor",
            "name": "Problem",
            "device_class": "problem",
            "value_template": "{{ 'ON' if value_json.problems else 'OFF' }}",
            "json_attributes_topic": device.topic("status"),
            "json_attributes_template": (
                "{{ {'problems': value_json.problems | map(attribute='sentence') | list} | tojson }}"
            ),
        },
        "state": {
            **status,
            "name": "State",
            "icon": "mdi:state-machine",
            "device_class": "enum",
            "options": get_args(State),
            "value_template": "{{ value_json.state }}",
        },
        "fps": {
            **number,
            "name": "Pictures per second",
            "icon": "mdi:camera",
            "suggested_display_precision": 1,
            "value_template": "{{ value_json.camera.fps }}",
        },
        "cpu_temperature": {
            **number,
            "name": "CPU temperature",
            "device_class": "temperature",
            "unit_of_measurement": "°C",
            "value_template": "{{ value_json.host.cpu_temp_c }}",
        },
        "outbox": {
            **number,
            "name": "Windows waiting",
            "icon": "mdi:tray-full",
            "value_template": "{{ value_json.mqtt.outbox }}",
        },
    }


def _of_fresh(expression: str) -> str:
    """A replayed window leaves an entity as it was.

    One that had expired becomes unknown: Home Assistant restarts the expiry with every message, before it looks at the
    template (``MqttSensor._update_state``), and would show the value of before the outage as if it were fresh.
    """
    kept = "None if this.state in ('unavailable', 'unknown') else this.state"
    return f"{{% if value_json.historical %}}{{{{ {kept} }}}}{{% else %}}{{{{ {expression} }}}}{{% endif %}}"
