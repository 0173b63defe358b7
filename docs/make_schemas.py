"""Writes docs/schemas/*.json and docs/asyncapi.json from the records in edge/mqtt: make_schemas.py [FOLDER].

``make schemas`` runs it. The schemas list exactly what this version sends, so unknown fields are refused in them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from edge.mqtt.codec import KINDS, Kind, encode
from edge.mqtt.home_assistant import DISCOVERY_TOPIC, PART_TOPIC
from edge.mqtt.messages import BASE_TOPIC, Availability, DeviceId, PauseCommand, SourceId

_NULL = {"type": "null"}
_RULES: dict[str, dict[str, Any]] = {
    "Aggregate": {
        "if": {"properties": {"emotions": _NULL}},
        "then": {"properties": {"dominant": _NULL, "uncertain": _NULL, "basis": _NULL}},
        "else": {
            "properties": {
                "dominant": {"type": "string"},
                "uncertain": {"type": "number"},
                "basis": {"type": "object"},
                "suppressed": _NULL,
            }
        },
    },
    "Live": {
        "if": {"properties": {"emotions": _NULL}},
        "then": {"properties": {"dominant": _NULL}},
        "else": {"properties": {"dominant": {"type": "string"}, "suppressed": _NULL}},
    },
    "WindowTime": {
        "if": {"properties": {"clock": {"const": "synced"}}},
        "then": {"properties": {"start": {"type": "string"}, "end": {"type": "string"}}},
        "else": {"properties": {"start": _NULL, "end": _NULL}},
    },
}
"""What holds between the fields of one record, which their types do not say."""

_MAY_BE_ABSENT = {"Context", "Deployment", "PauseCommand"}
"""Records that leave defaults out. Other fields are always sent: their defaults are for messages of old versions."""
_GIVEN_BY_THE_RELEASE = {"order", "colours"}
"""Fields of ``info`` that are absent unless the release of the classifier has them."""


def json_schema(name: str, record_type: type) -> dict[str, Any]:
    """The JSON Schema of one kind of message."""
    definitions = msgspec.json.schema(record_type)["$defs"]
    for record, definition in definitions.items():
        definition |= _RULES.get(record, {})
        if "properties" in definition:
            definition["additionalProperties"] = False
            if record not in _MAY_BE_ABSENT:
                definition["required"] = [
                    name for name in definition["properties"] if name not in _GIVEN_BY_THE_RELEASE
                ]
            for field in definition["properties"].values():
                field.pop("default", None)
                for choice in (field, *field.get("anyOf", ())):
                    if "enum" in choice:
                        choice.pop("maxLength", None)  # bounds the words of later versions
    root = definitions.pop(record_type.__name__)
    if "schema" in root["properties"]:
        (tag,) = root["properties"]["schema"]["enum"]
        root["properties"]["schema"] = {"description": "Name and version of this schema.", "const": tag}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **root,
        "title": name,
        **({"$defs": definitions} if definitions else {}),
    }


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI document: topics, delivery and payloads."""
    channels, operations, messages = {}, {}, {}
    for name, kind in KINDS.items():
        level = f"{{source}}/{name}" if kind.per_source else name
        channels[name] = _channel(f"{BASE_TOPIC}/{{device}}/{level}", name)
        operations[f"publish{name.capitalize()}"] = _operation(name, kind)
        messages[name] = _message(name, kind)
    channels["pause"] = _channel(f"{BASE_TOPIC}/{{device}}/command/pause", "pause")
    operations["receivePause"] = {
        "action": "receive",
        "channel": {"$ref": "#/channels/pause"},
        "summary": "Close the camera, or open it again; devices with mqtt.commands obey, and answer with status.",
        "bindings": {"mqtt": {"qos": 1, "retain": False, "bindingVersion": "0.2.0"}},
    }
    messages["pause"] = {"title": "pause", "payload": _schema_of("pause")}
    channels["discovery"] = _channel(DISCOVERY_TOPIC.format(device="{device}"), "discovery")
    operations["publishDiscovery"] = _operation(
        "discovery", Kind(Availability, "On connect, and when Home Assistant has started.")
    )
    messages["discovery"] = {
        "title": "Home Assistant's device-based MQTT discovery",
        "externalDocs": {"url": "https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload"},
        "payload": {"type": "object", "required": ["device", "origin", "components"]},
    }
    part = {"platform": "{platform}", "device": "{device}", "key": "{entity}"}
    channels["discoveryPart"] = _channel(PART_TOPIC.format(**part), "discoveryPart")
    operations["publishDiscoveryPart"] = _operation(
        "discoveryPart", Kind(Availability, "Instead of discovery, where the broker takes only smaller messages.")
    )
    messages["discoveryPart"] = {
        "title": "One entity in Home Assistant's MQTT discovery",
        "externalDocs": {"url": "https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery"},
        "payload": {"type": "object", "required": ["device", "origin", "unique_id"]},
    }
    channels["check"] = _channel(f"{BASE_TOPIC}/{{device}}/check", "check")
    operations["publishCheck"] = _operation(
        "check",
        Kind(
            Availability, "By fer-edge check, to see whether the broker takes what the device publishes.", retain=False
        ),
    )
    messages["check"] = {"title": "check", "contentType": "text/plain", "payload": {"type": "string"}}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "fer-edge",
            "version": "1.0.0",
            "description": "What a facial-expression sensor publishes: counts and moods of a room, never an image."
            " See mqtt.md.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "broker": {
                "host": "localhost:1883",
                "protocol": "mqtt",
                "protocolVersion": "5",
                "description": "Any MQTT broker; 3.1.1 and TLS are options of the device.",
            }
        },
        "channels": channels,
        "operations": operations,
        "components": {
            "parameters": {
                "device": _parameter(DeviceId, "fer-1a2b3c4d"),
                "source": _parameter(SourceId, "cam0"),
                "platform": {"description": "Home Assistant's kind of the entity.", "examples": ["sensor"]},
                "entity": {"description": "Our name of the entity.", "examples": ["people"]},
            },
            "messageTraits": {"json": _json_trait()},
            "messages": messages,
        },
    }


def _channel(address: str, name: str) -> dict[str, Any]:
    parameters = [
        parameter for parameter in ("device", "source", "platform", "entity") if f"{{{parameter}}}" in address
    ]
    return {
        "address": address,
        "parameters": {parameter: _reference(f"parameters/{parameter}") for parameter in parameters},
        "messages": {name: _reference(f"messages/{name}")},
    }


def _operation(name: str, kind: Kind) -> dict[str, Any]:
    delivery: dict[str, Any] = {"qos": kind.qos, "retain": kind.retain}
    if kind.expiry_s is not None:
        delivery["messageExpiryInterval"] = kind.expiry_s
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{name}"},
        "summary": kind.when,
        "bindings": {"mqtt": {**delivery, "bindingVersion": "0.2.0"}},
    }


def _message(name: str, kind: Kind) -> dict[str, Any]:
    if kind.record is Availability:
        words = [encode(Availability("fer-1a2b3c4d", online)).payload.decode() for online in (True, False)]
        description = (Availability.__doc__ or "").partition("\n")[0]
        return {"title": description, "contentType": "text/plain", "payload": {"type": "string", "enum": words}}
    return {
        "title": name,
        "traits": [_reference("messageTraits/json")],
        "payload": _schema_of(name),
    }


def _schema_of(name: str) -> dict[str, Any]:
    return {
        "schemaFormat": "application/schema+json;version=2020-12",
        "schema": {"$ref": f"schemas/{name}.json"},
    }


def _json_trait() -> dict[str, Any]:
    return {
        "headers": {
            "description": "User properties of MQTT 5, repeated from the payload.",
            "type": "object",
            "required": ["schema", "device"],
            "properties": {
                "schema": {
                    "description": "Name and version of the payload's schema.",
                    "type": "string",
                    "examples": ["fer-edge/aggregate/1"],
                },
                "device": msgspec.json.schema(DeviceId),
            },
        },
        "bindings": {"mqtt": {"payloadFormatIndicator": 1, "bindingVersion": "0.2.0"}},
    }


def _parameter(kind: Any, example: str) -> dict[str, Any]:
    schema = msgspec.json.schema(kind)
    return {"description": f"{schema['description']} It matches {schema['pattern']}", "examples": [example]}


def _reference(place: str) -> dict[str, str]:
    return {"$ref": f"#/components/{place}"}


def main(folder: Path) -> None:
    """Write all files below ``folder``."""
    (folder / "schemas").mkdir(exist_ok=True)
    documents = {folder / "asyncapi.json": asyncapi()}
    for name, kind in KINDS.items():
        if kind.record is not Availability:
            documents[folder / "schemas" / f"{name}.json"] = json_schema(name, kind.record)
    documents[folder / "schemas" / "pause.json"] = json_schema("pause", PauseCommand)
    for path, document in documents.items():
        path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
