"""Messages of strangers, as everybody may write to a broker: whoever watches goes on as if nothing had come."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.commands.watch import line
from edge.commands.watch_registry import DeviceRegistry
from edge.errors import MessageError
from edge.mqtt.codec import decode_pause
from tests.fuzz.mutation import corpus, damaged, warped

pytest.importorskip("rich", reason="needs the extra fer-edge[watch]")
from rich.console import Console

from edge.commands.watch_tui import Screen

SEEDS = list(corpus("messages").values())
BODIES = [json.loads(seed) for seed in SEEDS if seed.startswith(b"{")]
KINDS = ("availability", "status", "info", "cam0/live", "cam0/aggregate", "cam1/aggregate")


def encoded(body: dict[str, Any], ascii_only: bool) -> bytes:
    return json.dumps(body, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")


payloads = st.one_of(
    st.sampled_from(SEEDS),
    st.builds(encoded, warped(BODIES), st.booleans()),
    damaged(SEEDS),
    st.binary(max_size=50),
    st.builds(
        lambda text, coding: text.decode().encode(coding), st.sampled_from(SEEDS), st.sampled_from(["utf-16", "utf-32"])
    ),
    st.integers(1, 60_000).map(lambda depth: b"[" * depth),
    st.integers(1, 10_000).map(lambda depth: b'{"state":"running","problems":[' + b"[" * depth + b"]" * depth + b"]}"),
)
topics = st.builds(
    "fer/v1/{}/{}".format, st.sampled_from(["fer-1a2b3c4d", "fer-2", "../x", "FER"]), st.sampled_from(KINDS)
) | st.text(max_size=30)


def shown(registry: DeviceRegistry) -> str:
    """The screen, on a terminal that takes UTF-8 and nothing else."""
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="strict")
    console = Console(file=terminal, width=80, height=40)
    console.print(Screen(registry, "connected", now_s=100.0))
    terminal.flush()
    terminal.seek(0)
    return terminal.read()


@given(st.lists(st.tuples(topics, payloads), min_size=1, max_size=12))
def test_a_watcher_takes_ignores_and_shows_whatever_comes(messages: list[tuple[str, bytes]]) -> None:
    registry = DeviceRegistry()

    lines = [line(*news) for topic, payload in messages if (news := registry.receive(topic, payload, 99.0)) is not None]

    assert all(each.isprintable() and len(each) < 1000 for each in lines)
    assert all(each.isprintable() for each in shown(registry).splitlines())


@given(payloads | st.builds(encoded, warped([{"paused": True, "minutes": 30}]), st.booleans()), st.booleans())
def test_a_command_is_obeyed_or_refused_in_one_line_whatever_comes(payload: bytes, retained: bool) -> None:
    refusal, command = "", None
    try:
        command = decode_pause(payload, retained=retained)
    except MessageError as error:
        refusal = str(error)

    assert len(refusal) < 400
    assert "\n" not in refusal
    assert not (retained and command)
    assert command is None or command.minutes is None or 0 < command.minutes <= 10_080
