"""The documented contract: docs/schemas and docs/asyncapi.json describe exactly what is sent."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError
from msgspec.structs import replace

from edge.commands.check_network import probe
from edge.labels import check_labels
from edge.mqtt.codec import Message, encode
from edge.mqtt.compose import aggregate, live, status
from edge.mqtt.home_assistant import discovery, discovery_in_parts
from edge.mqtt.messages import Availability, CommandName, Context, Device, PauseCommand, Privacy
from edge.mqtt.wallclock import WallClock
from edge.records import (
    Basis,
    CameraHealth,
    DeliveryHealth,
    EmotionScores,
    Health,
    HostHealth,
    InferenceHealth,
    Paused,
    PauseReason,
    Percentiles,
    PrivacyMode,
    Problem,
    ProblemCode,
    RoomReading,
    RoomSuppression,
    State,
    Suppression,
    Unread,
    WindowSummary,
)
from tests.support.paths import ROOT

DOCS = ROOT / "docs"
SCHEMAS = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted((DOCS / "schemas").glob("*.json"))}
COMMANDS = get_args(CommandName)
"""What is written to a device; people type it, so it has no schema field."""
ASYNCAPI = json.loads((DOCS / "asyncapi.json").read_text("utf-8"))

Contract = Callable[[str, bytes], None]

anything = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
counts, amounts = st.integers(0, 10**9), st.floats(0, 1e9)
words = st.text(min_size=1, max_size=20)
weights = st.lists(st.floats(0, 1), min_size=7, max_size=7).filter(lambda values: sum(values) > 1e-3)
scores = weights.map(lambda values: EmotionScores(tuple(value / sum(values) for value in values)))
reasons = st.sampled_from([None, *get_args(Suppression)])
room_reasons = st.sampled_from([None, *get_args(RoomSuppression)])
clocks = st.builds(
    lambda is_set, now_s: WallClock(wall=lambda: now_s, monotonic=lambda: 200.0, is_set=lambda _now_s: is_set),
    st.booleans(),
    st.floats(1.7e9, 4e9),
)
percentiles = st.none() | st.builds(Percentiles, amounts, amounts)
healths = st.builds(
    Health,
    state=st.sampled_from(get_args(State)),
    problems=st.lists(st.builds(Problem, st.sampled_from(get_args(ProblemCode)), words), max_size=3).map(tuple),
    camera=st.builds(CameraHealth, words, st.none() | amounts, st.none() | amounts, counts, counts, counts),
    inference=st.builds(InferenceHealth, st.sampled_from(["cpu", "edgetpu"]), percentiles, percentiles),
    mqtt=st.builds(
        DeliveryHealth,
        counts,
        st.none() | amounts,
        counts,
        counts,
        counts,
        st.from_regex("[0-9a-f]{8}", fullmatch=True),
        counts,
        st.none() | amounts,
    ),
    host=st.builds(
        HostHealth,
        st.none() | st.floats(-40, 150),
        st.none() | st.booleans(),
        st.none() | amounts,
        st.none() | amounts,
    ),
    uptime_s=amounts,
    version=words,
    paused=st.none()
    | st.builds(
        Paused,
        st.sampled_from(get_args(PauseReason)),
        st.none() | st.datetimes(datetime(2025, 1, 1), timezones=st.just(UTC)),
    ),
)


bases = st.builds(
    Basis, st.sampled_from(get_args(PrivacyMode)), st.integers(1, 10**6), st.floats(0, 1e6), st.floats(0, 1e6)
)


@st.composite
def summaries(draw: st.DrawFn) -> WindowSummary:
    emotions = draw(st.none() | scores)
    start_s, captured = draw(st.floats(0, 1e6)), draw(counts)
    return WindowSummary(
        start_s=start_s,
        end_s=start_s + draw(st.floats(0, 3600)),
        captured=captured,
        analysed=draw(st.integers(0, captured)),
        people=draw(counts),
        max_at_once=draw(counts),
        mean_at_once=draw(amounts),
        emotions=emotions,
        uncertain=None if emotions is None else draw(st.floats(0, 1)),
        suppressed=None if emotions else draw(reasons),
        basis=None if emotions is None else draw(bases),
        still=draw(counts),
        unread=draw(st.builds(Unread, counts, counts, counts, counts)),
        visits=draw(st.none() | counts),
        gathered=draw(st.none() | counts),
    )


@anything
@given(summaries(), st.integers(1, 999_999_999_999), clocks)
def test_every_window_keeps_the_contract(
    contract: Contract, device: Device, summary: WindowSummary, seq: int, clock: WallClock
) -> None:
    window = aggregate(device, "5eed0001", seq, summary, clock)

    for message in (encode(window), encode(window.replayed())):
        contract(message.topic, message.payload)


@anything
@given(counts, st.none() | scores, room_reasons, clocks)
def test_every_live_reading_keeps_the_contract(
    contract: Contract, device: Device, people: int, emotions: EmotionScores | None, reason: Any, clock: WallClock
) -> None:
    message = encode(live(device, RoomReading(people, emotions, None if emotions else reason), clock))

    contract(message.topic, message.payload)


@anything
@given(healths, clocks)
def test_every_health_keeps_the_contract(contract: Contract, device: Device, health: Health, clock: WallClock) -> None:
    message = encode(status(device, health, clock))

    contract(message.topic, message.payload)


@pytest.mark.parametrize("context", [Context(), Context("foyer"), Context("foyer", "2.04")])
@pytest.mark.parametrize("model_device", ["cpu", "edgetpu"])
def test_every_description_keeps_the_contract(
    contract: Contract, device: Device, context: Context, model_device: str
) -> None:
    model = replace(device.model, device=model_device)
    described = replace(device, context=context, model=model, privacy=Privacy(1, counts_only=True), window_s=1.0)

    message = encode(described)

    contract(message.topic, message.payload)


names = st.text(min_size=1, max_size=40)


@anything
@given(st.lists(names, min_size=2, max_size=20), st.randoms(), clocks)
def test_whatever_may_be_a_label_keeps_the_contract(
    contract: Contract, device: Device, names: list[str], random: Random, clock: WallClock
) -> None:
    try:
        labels = check_labels(names)
    except ValueError:
        return
    order = tuple(random.sample(labels, len(labels)))
    described = replace(device, labels=labels, order=order, colours={labels[0]: "#0072b2"})
    shares = EmotionScores(tuple(1 / len(labels) for _ in labels), labels)

    for message in (encode(described), encode(live(described, RoomReading(3, shares, None), clock))):
        contract(message.topic, message.payload)


@pytest.mark.parametrize(
    "changes",
    [
        {"people_seen": 7},
        {"faces": {"people": 7, "max_at_once": 3, "mean_at_once": 1.4, "boxes": []}},
        {"seq": 0},
        {"id": "fer-1a2b3c4d-1"},
        {"emotions": None},
        {"emotions": {"happy": 1.5, "sad": 0.0}},
        {"dominant": None},
        {"suppressed": "counts_only"},
        {"suppressed": "shyness"},
        {"basis": None},
        {"basis": {"kind": "crowd", "people": 3, "from": None, "to": None}},
        {"gathering": {"visits": 1}},
        {"window": {"start": None, "end": None, "duration_s": 60.0, "clock": "synced"}},
        {"window": {"start": "20.11.2026", "end": None, "duration_s": 60.0, "clock": "synced"}},
    ],
)
def test_the_schema_refuses_what_the_contract_does_not_promise(
    contract: Contract, device: Device, summary: Any, changes: dict[str, Any]
) -> None:
    clock = WallClock(wall=lambda: 1.8e9, monotonic=lambda: 200.0, is_set=lambda _now_s: True)
    message = encode(aggregate(device, "5eed0001", 1, summary(), clock))

    body = json.loads(message.payload) | changes

    with pytest.raises(ValidationError):
        contract(message.topic, json.dumps(body).encode())


@pytest.mark.parametrize("kind", SCHEMAS)
def test_a_schema_is_a_valid_one_and_says_so(kind: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[kind])

    if kind not in COMMANDS:
        assert SCHEMAS[kind]["properties"]["schema"]["const"] == f"fer-edge/{kind}/1"


def test_the_documents_are_those_of_the_records(tmp_path: Path) -> None:
    subprocess.run([sys.executable, DOCS / "make_schemas.py", tmp_path], cwd=ROOT, check=True)

    made = {path.relative_to(tmp_path): path.read_text("utf-8") for path in tmp_path.rglob("*.json")}

    assert made == {path: (DOCS / path).read_text("utf-8") for path in made}, "run make schemas"
    assert {path.stem for path in made} == {*SCHEMAS, "asyncapi"}


@pytest.mark.parametrize("kind", SCHEMAS)
def test_nothing_undocumented_may_be_sent_and_all_that_is_documented_must_be(kind: str) -> None:
    records = [part for part in parts(SCHEMAS[kind]) if part.get("type") == "object" and "properties" in part]

    assert records
    for record in records:
        optional = set(record["properties"]) - set(record.get("required", ()))
        assert record["additionalProperties"] is False
        assert optional <= {"site", "room", "page", "context", "lawful_basis", "minutes", "order", "colours"}


@pytest.mark.parametrize("kind", SCHEMAS)
def test_every_field_is_described(kind: str) -> None:
    schema = SCHEMAS[kind]
    records = [part for part in parts(schema) if part.get("type") == "object" and "properties" in part]

    documented = [field for record in records for field in record["properties"].items()]

    assert not [name for name, field in documented if "description" not in schema_of(schema, field) | field]


def test_listed_words_are_those_of_the_code() -> None:
    assert enumeration(SCHEMAS["status"], "state") == list(get_args(State))
    assert enumeration(SCHEMAS["status"], "reason") == list(get_args(PauseReason))
    assert enumeration(SCHEMAS["status"], "code") == list(get_args(ProblemCode))
    assert enumeration(SCHEMAS["aggregate"], "suppressed") == list(get_args(Suppression))
    assert enumeration(SCHEMAS["live"], "suppressed") == list(get_args(RoomSuppression))


def enumeration(schema: dict[str, Any], name: str) -> list[str]:
    """The values that a schema lists for the field ``name``."""
    fields = [part["properties"][name] for part in parts(schema) if name in part.get("properties", {})]
    (field,) = [field for field in fields if "description" in field]
    (values,) = [part["enum"] for part in parts(field) if "enum" in part]
    assert isinstance(values, list)
    return values


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    """The schema and every schema in it."""
    if isinstance(schema, dict):
        yield schema
    children = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    for child in children:
        yield from parts(child)


def schema_of(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """The definition that ``part`` refers to, else ``part`` itself."""
    if "$ref" not in part:
        return part
    place, _, steps = part["$ref"].partition("#")
    found: Any = json.loads((DOCS / place).read_text("utf-8")) if place else document
    for step in steps.split("/")[1:]:
        found = found[step]
    assert isinstance(found, dict)
    return found


@pytest.fixture
def spoken(device: Device, summary: Any, health: Health) -> dict[str, Message]:
    """One message of each topic, by the name of its channel."""
    clock = WallClock()
    return {
        "availability": encode(Availability(device.id, online=True)),
        "status": encode(status(device, health, clock)),
        "info": encode(device),
        "live": encode(live(device, RoomReading(0, None, None), clock)),
        "aggregate": encode(aggregate(device, "5eed0001", 1, summary(), clock)),
        "discovery": discovery(device),
        "discoveryPart": discovery_in_parts(device)[0],
        "check": probe(device.id),
        "pause": Message(device.topic("command/pause"), msgspec.json.encode(PauseCommand(paused=True, minutes=30))),
    }


def test_asyncapi_lists_every_topic_with_its_delivery(spoken: dict[str, Message], device: Device) -> None:
    documented = {}
    _, platform, _, entity, _ = spoken["discoveryPart"].topic.split("/")
    for operation in ASYNCAPI["operations"].values():
        address = schema_of(ASYNCAPI, operation["channel"])["address"]
        mqtt = operation["bindings"]["mqtt"]
        topic = address.format(device=device.id, source=device.source, platform=platform, entity=entity)
        documented[topic] = (operation["action"], mqtt["qos"], mqtt["retain"], mqtt.get("messageExpiryInterval"))
    commands = {documented.pop(f"fer/v1/{device.id}/command/{command}") for command in COMMANDS}

    assert len(documented) + len(COMMANDS) == len(ASYNCAPI["operations"]) == len(ASYNCAPI["channels"])
    assert commands == {("receive", 1, False, None)}
    assert documented == {
        message.topic: ("send", message.qos, message.retain, message.expiry_s)
        for name, message in spoken.items()
        if name not in COMMANDS
    }


def test_every_reference_of_asyncapi_resolves() -> None:
    references = [part for part in parts(ASYNCAPI) if "$ref" in part]

    resolved = [schema_of(ASYNCAPI, part) for part in references]

    assert {schema["title"] for schema in SCHEMAS.values()} <= {part.get("title") for part in resolved}


def test_asyncapi_describes_each_payload_as_it_is(spoken: dict[str, Message]) -> None:
    for name, channel in ASYNCAPI["channels"].items():
        message = schema_of(ASYNCAPI, channel["messages"][name])
        payload = message["payload"]
        schema = schema_of(ASYNCAPI, payload["schema"]) if "schemaFormat" in payload else payload
        said = spoken[name]
        is_json = said.content_type == "application/json"

        assert said.content_type == message.get("contentType", ASYNCAPI["defaultContentType"])
        Draft202012Validator(schema).validate(json.loads(said.payload) if is_json else said.payload.decode())


def test_asyncapi_names_the_user_properties_of_each_message(spoken: dict[str, Message]) -> None:
    documented = {}
    for name, channel in ASYNCAPI["channels"].items():
        traits = schema_of(ASYNCAPI, channel["messages"][name]).get("traits", [])
        headers = [schema_of(ASYNCAPI, trait)["headers"] for trait in traits]
        documented[name] = [key for one in headers for key in one["required"]]

    assert documented == {name: [key for key, _ in message.user_properties] for name, message in spoken.items()}
