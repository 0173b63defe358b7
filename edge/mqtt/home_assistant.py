"""Home Assistant's MQTT discovery: the device describes its own entities, so no YAML is needed.

Home Assistant translates no states of MQTT entities, so what people read is words and not codes.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, get_args

import msgspec

from edge.labels import EMOTIONS
from edge.mqtt.codec import Message
from edge.mqtt.messages import Device
from edge.records import State

DISCOVERY_TOPIC = "homeassistant/device/{device}/config"
PART_TOPIC = "homeassistant/{platform}/{device}/{key}/config"
BIRTH_TOPIC = "homeassistant/status"
"""Home Assistant publishes ``online`` here when it has started; what is not retained it does not know then."""
LIVE_EXPIRES_S = 30
"""How long an entity shows the newest live message, which comes twice a second."""

_ICONS = dict(
    zip(EMOTIONS, ("angry", "sick", "frown", "happy", "sad", "excited", "neutral"), strict=True),
)

_BASIS = {
    "room": "People in view together",
    "visits": "Visitors one after the other",
    "nobody": "Nobody in view",
    "blind": "No images",
    "too_few_people": "Too few people",
    "unreadable": "No face could be read",
    "gathering": "Too few visits yet",
}
"""What a mood is a mean of, or why there is none."""


def announce(
    device: Device, retained: Mapping[str, bytes], takes: Callable[[Message], bool], *, thermometer: bool = True
) -> list[Message]:
    """What to publish so that Home Assistant has the entities of this device, and no others of it.

    Args:
        device: what it is now. With another model it has other labels, so other entities.
        retained: the payloads, by topic, that the broker has kept of this device's discovery, see ``retained_topics``.
        takes: whether the broker takes a message of this size; if not the whole, there is one for each entity.
        thermometer: whether the machine knows the temperature of its processor.
    """
    parts = discovery_in_parts(device, thermometer=thermometer)
    before = _entities(retained.get(DISCOVERY_TOPIC.format(device=device.id), b""))
    whole = discovery(device, before, thermometer=thermometer)
    gone = retained.keys() - {whole.topic, *(part.topic for part in parts)}
    return [*(Message(topic, b"", retain=True) for topic in sorted(gone)), *((whole,) if takes(whole) else parts)]


def retained_topics(device: Device) -> tuple[str, str]:
    """Where the broker keeps this device's discovery; the second has wildcards."""
    return DISCOVERY_TOPIC.format(device=device.id), PART_TOPIC.format(platform="+", device=device.id, key="+")


def discovery(device: Device, before: Mapping[str, str] | None = None, *, thermometer: bool = True) -> Message:
    """Home Assistant's device-based discovery message: one device with one entity per figure.

    The same device always gives the same bytes: Home Assistant ignores an unchanged description, and expires every
    entity of a changed one. ``expire_after`` is safe because neither aggregates nor live messages are retained.

    ``before`` has the platforms of the entities that the message before it described, by key. Home Assistant keeps
    those that are merely absent; it removes an entity of which nothing is said but its platform.
    """
    components = _components(device, thermometer=thermometer)
    gone = {key: {"platform": platform} for key, platform in (before or {}).items() if key not in components}
    body = _about(device) | {"components": components | gone}
    return Message(DISCOVERY_TOPIC.format(device=device.id), msgspec.json.encode(body), retain=True)


def discovery_in_parts(device: Device, *, thermometer: bool = True) -> tuple[Message, ...]:
    """The same, one message per entity, for a broker that does not take the whole."""
    about = _about(device)
    return tuple(
        Message(
            PART_TOPIC.format(platform=component.pop("platform"), device=device.id, key=key),
            msgspec.json.encode(about | component),
            retain=True,
        )
        for key, component in _components(device, thermometer=thermometer).items()
    )


def _about(device: Device) -> dict[str, Any]:
    """What every discovery message says."""
    about = {
        "identifiers": [device.id],
        "name": device.context.room or device.id,
        "manufacturer": "fer-edge",
        "model": "Facial-expression sensor",
        "serial_number": device.id,
        "sw_version": device.version,
    }
    if device.context.room:
        about["suggested_area"] = device.context.room
    if device.context.page:
        about["configuration_url"] = device.context.page
    return {
        "device": about,
        "origin": {"name": "fer-edge", "sw_version": device.version},
        "availability": [{"topic": device.topic("availability")}],
        "qos": 1,
    }


def _entities(payload: bytes) -> dict[str, str]:
    """The platforms of the entities that a discovery message describes, by key; those it removes are left out."""
    try:
        components = msgspec.json.decode(payload, type=_Described).components
    except (ValueError, RecursionError):  # somebody else wrote it
        return {}
    return {
        key: component["platform"]
        for key, component in components.items()
        if len(component) > 1 and isinstance(component.get("platform"), str)
    }


class _Described(msgspec.Struct):
    components: dict[str, dict[str, Any]]


def _components(device: Device, *, thermometer: bool) -> dict[str, dict[str, Any]]:
    """The entities by key, without those that could never have a value."""
    components = _live_entities(device) | _window_entities(device) | _health_entities(device) | _switches(device)
    if not thermometer:
        del components["cpu_temperature"]
    for key, component in components.items():
        entity_id = f"{device.id}_{key}".replace("-", "_")
        component |= {"unique_id": entity_id, "default_entity_id": f"{component['platform']}.{entity_id}"}
    return components


def _live_entities(device: Device) -> dict[str, dict[str, Any]]:
    live = {"state_topic": device.topic(f"{device.source}/live"), "expire_after": LIVE_EXPIRES_S}
    return {
        "people_now": {
            **live,
            "platform": "sensor",
            "name": "People now",
            "icon": "mdi:account-multiple",
            "state_class": "measurement",
            "value_template": "{{ value_json.people }}",
        },
        "occupancy": {
            **live,
            "platform": "binary_sensor",
            "name": "Occupancy",
            "device_class": "occupancy",
            "value_template": "{{ 'ON' if value_json.people else 'OFF' }}",
        },
    }


def _window_entities(device: Device) -> dict[str, dict[str, Any]]:
    window = {
        "platform": "sensor",
        "state_topic": device.topic(f"{device.source}/aggregate"),
        "expire_after": round(3 * device.window_s) + 10,
    }
    number = {**window, "state_class": "measurement"}
    share = {**number, "unit_of_measurement": "%", "suggested_display_precision": 0}
    components: dict[str, dict[str, Any]] = {
        "people": {
            **number,
            "name": "People",
            "icon": "mdi:account-group",
            "value_template": _unless_replayed("value_json.faces.people if value_json.frames.analysed else None"),
        },
    }
    if not device.privacy.counts_only:
        components |= _mood_entities(device, window, share)
    components["still"] = {
        **number,
        "name": "Still faces",
        "icon": "mdi:image-frame",
        "value_template": _unless_replayed("value_json.faces.still"),
    }
    if device.privacy.mode == "visits":
        components["visits"] = {
            **number,
            "name": "Visits",
            "icon": "mdi:walk",
            "value_template": _unless_replayed("value_json.faces.visits"),
        }
    return components


def _mood_entities(device: Device, window: dict[str, Any], share: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The mood, and why there is none; ``window`` and ``share`` are what entities of the kind have in common."""
    labels = device.order or device.labels
    components: dict[str, dict[str, Any]] = {
        "dominant": {
            **window,
            "name": "Mood",
            "icon": "mdi:emoticon-outline",
            "device_class": "enum",
            "options": [_words(label) for label in labels],
            "value_template": _mood(
                device, "value_json.dominant[:1] | upper ~ value_json.dominant[1:] if value_json.dominant else None"
            ),
        },
        "basis": {
            **window,
            "name": "Basis of the mood",
            "icon": "mdi:account-eye",
            "device_class": "enum",
            "options": list(_BASIS.values()),
            "value_template": _unless_replayed(
                f"{_BASIS}.get(value_json.suppressed"
                " or (value_json.basis.kind if value_json.basis else"
                " 'nobody' if value_json.frames.analysed else 'blind'), None)"
            ),
            "json_attributes_topic": window["state_topic"],
            "json_attributes_template": "{{ {'basis': value_json.basis, 'gathering': value_json.gathering} | tojson }}",
        },
        "uncertain": {
            **share,
            "name": "Uncertain readings",
            "icon": "mdi:help-circle-outline",
            "value_template": _mood(
                device, "(value_json.uncertain * 100) | round(1) if value_json.uncertain is not none else None"
            ),
        },
    }
    for key, label in _label_keys(labels).items():
        components[key] = {
            **share,
            "name": _words(label),
            "icon": f"mdi:emoticon-{_ICONS.get(label, 'outline')}",
            "value_template": _mood(device, _share(label)),
        }
    return components


def _label_keys(labels: tuple[str, ...]) -> dict[str, str]:
    """Each label by a key of letters, digits and ``_``; those that are not FER2013's cannot be taken for a figure."""
    keys: dict[str, str] = {}
    for number, label in enumerate(labels, 1):
        plain = unicodedata.normalize("NFKD", label.casefold()).encode("ascii", "ignore").decode()
        key = label if label in EMOTIONS else "share_" + re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
        while key in keys or key == "share_":
            key = f"{key.rstrip('_')}_{number}"
        keys[key] = label
    return keys


def _share(label: str) -> str:
    if label in EMOTIONS:
        return f"(value_json.emotions.{label} * 100) | round(1) if value_json.emotions else None"
    # A label holds no double quote and no backslash. A window from before a change of the model may lack it.
    share = f'value_json.emotions["{label}"]'
    return f'({share} * 100) | round(1) if value_json.emotions and "{label}" in value_json.emotions else None'


def _health_entities(device: Device) -> dict[str, dict[str, Any]]:
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
            "options": [_words(state) for state in get_args(State)],
            "value_template": "{{ value_json.state | capitalize }}",
            "json_attributes_topic": device.topic("status"),
            "json_attributes_template": (
                "{{ {'paused_by': (value_json.paused or {}).get('reason'),"
                " 'paused_until': (value_json.paused or {}).get('until')} | tojson }}"
            ),
        },
        "fps": {
            **number,
            "name": "Frames per second",
            "icon": "mdi:camera",
            "unit_of_measurement": "fps",
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


def _switches(device: Device) -> dict[str, dict[str, Any]]:
    """What a device that takes commands can be told. It shows the status, which is the answer to a command."""
    if "pause" not in device.commands:
        return {}
    return {
        "pause": {
            "platform": "switch",
            "name": "Pause",
            "icon": "mdi:camera-off",
            "command_topic": device.topic("command/pause"),
            "payload_on": '{"paused": true}',
            "payload_off": '{"paused": false}',
            "state_topic": device.topic("status"),
            "state_on": "ON",
            "state_off": "OFF",
            "value_template": "{{ 'ON' if value_json.state == 'paused' else 'OFF' }}",
        }
    }


def _words(code: str) -> str:
    """A label or state for people."""
    return code[:1].upper() + code[1:]


def _mood(device: Device, expression: str) -> str:
    """The newest mood. One of visits stays until the next has gathered, which takes several windows."""
    if device.privacy.mode != "visits":
        return _unless_replayed(expression)
    return _unless_replayed(expression, "value_json.historical or value_json.emotions is none")


def _unless_replayed(expression: str, kept_if: str = "value_json.historical") -> str:
    """A template that keeps the entity's state when a window is replayed.

    An expired entity becomes unknown: Home Assistant restarts the expiry on every message, before it evaluates the
    template (``MqttSensor._update_state``), and would show the value from before the outage as if it were fresh.
    """
    kept = "None if this.state in ('unavailable', 'unknown') else this.state"
    return f"{{% if {kept_if} %}}{{{{ {kept} }}}}{{% else %}}{{{{ {expression} }}}}{{% endif %}}"
