"""The page reads messages as docs/schemas define them."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from edge.labels import EMOTIONS
from edge.mqtt.wallclock import WallClock
from edge.records import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.mqtt.codec import Message
    from edge.records import EmotionScores
    from tests.deploy.conftest import Page
    from tests.deploy.dashboard.conftest import MakeDevice

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "deploy" / "dashboard" / "index.html").as_uri()

PARSE = """
([topic, payload]) => {
  try { parseMessage(topic, new TextEncoder().encode(payload)); return null }
  catch (error) { return `${payload}: ${error.message}` }
}
"""

# A stand-in for a JSON object that notes which fields are read.
READ_FIELDS = """
(kind, json) => {
  const read = new Set();
  const watched = (value, path) => value === null || typeof value !== "object" ? value : new Proxy(value, {
    get: (target, name) => {
      if (typeof name === "symbol" || Array.isArray(target) && !/^\\d+$/.test(name)) return Reflect.get(target, name);
      const inner = Array.isArray(target) ? path : [...path, name];
      if (!Array.isArray(target)) read.add(inner.join("."));
      return watched(target[name], inner);
    },
  });
  PARSERS[kind](watched(json, []));
  return [...read];
}
"""


def schema_of(kind: str) -> Any:
    return json.loads((ROOT / "docs" / "schemas" / f"{kind}.json").read_text("utf-8"))


@pytest.fixture
def published(fake_device: MakeDevice, scores: Callable[..., EmotionScores]) -> dict[str, list[Message]]:
    """Messages of each kind that has a schema, the most complete one first."""
    device = fake_device("fer-1a2b3c4d", "Foyer")
    info, status, _ = device.retained(Problem("throttled", "Hot."))
    unset_clock = device.window(2, people=0, clock=WallClock(is_set=lambda _: False))
    return {
        "info": [info],
        "status": [status],
        "live": [device.live(2, scores(happy=0.5)), device.live(2)],
        "aggregate": [device.window(1), unset_clock],
    }


def leaves(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every value, objects and arrays included."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from leaves(inner, (*path, key))


def enumerated(schema: object) -> Iterator[object]:
    """Every value that an ``enum`` of the schema names."""
    if isinstance(schema, dict):
        yield from schema.get("enum", ())
        for inner in schema.values():
            yield from enumerated(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from enumerated(inner)


def variants(message: Message, schema: Any) -> Iterator[str]:
    """The message with one value replaced or removed, wherever the schema permits that; ids must match the topic."""
    validator = Draft202012Validator(schema)
    original = json.loads(message.payload)
    candidates = [None, 0, 1, 0.5, 1e6, True, False, "", "x" * 400, "a", [], {}, *enumerated(schema)]
    for path in leaves(original):
        if not path or path[0] in ("device", "source", "id"):
            continue
        for candidate in [*candidates, ...]:
            changed = copy.deepcopy(original)
            parent = changed
            for key in path[:-1]:
                parent = parent[key]
            if candidate is ...:
                del parent[path[-1]]
            else:
                parent[path[-1]] = candidate
            if validator.is_valid(changed):
                yield json.dumps(changed)


@pytest.mark.parametrize("kind", ["info", "status", "live", "aggregate"])
def test_the_page_accepts_every_message_that_the_schema_permits(
    page: Page, published: dict[str, list[Message]], kind: str
) -> None:
    payloads = {payload for message in published[kind] for payload in variants(message, schema_of(kind))}
    page.open(PAGE)
    page.wait("typeof parseMessage === 'function'")

    inputs = json.dumps([[published[kind][0].topic, payload] for payload in payloads])
    answers = page.ask(f"{inputs}.map({PARSE})")

    assert len(answers) > 5
    assert [answer for answer in answers if answer] == []


@pytest.mark.parametrize("kind", ["info", "status", "live", "aggregate"])
def test_the_page_reads_no_field_that_the_schema_does_not_define(
    page: Page, published: dict[str, list[Message]], kind: str
) -> None:
    body = json.loads(published[kind][0].payload)
    if kind == "info":  # what only some releases have
        body |= {"order": body["labels"], "colours": dict.fromkeys(body["labels"], "#0072b2")}
    page.open(PAGE)
    page.wait("typeof parseMessage === 'function'")

    read = page.ask(f"({READ_FIELDS})({json.dumps(kind)}, {json.dumps(body)})")

    defined = {".".join(str(key) for key in path if isinstance(key, str)) for path in leaves(body)}
    assert Draft202012Validator(schema_of(kind)).is_valid(body)
    assert set(read) <= defined
    assert len(read) > 2


def test_the_page_draws_the_emotions_of_the_contract(page: Page) -> None:
    page.open(PAGE)

    page.wait("typeof EMOTIONS === 'object'")

    assert sorted(page.ask("EMOTIONS")) == sorted(EMOTIONS)
