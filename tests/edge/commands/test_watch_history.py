"""The last hour of a room, as ``watch`` remembers it."""

from __future__ import annotations

import json

import pytest

from edge.commands.watch_registry import DeviceRegistry, History, Mood, Window
from edge.mqtt.codec import encode
from edge.mqtt.compose import aggregate
from edge.mqtt.messages import Device
from edge.mqtt.wallclock import WallClock
from edge.records import WindowSummary
from tests.edge.commands.conftest import only_room, receive
from tests.edge.conftest import Summary


def ending(summary: Summary, end_s: float) -> WindowSummary:
    """A minute that ended at ``end_s``."""
    return summary(start_s=end_s - 60, end_s=end_s)


def seqs(bins: list[Window | None]) -> list[int | None]:
    return [None if window is None else window.seq for window in bins]


def test_the_history_has_fresh_windows_when_they_came_and_replayed_ones_when_they_were(
    registry: DeviceRegistry, device: Device, summary: Summary
) -> None:
    clock = WallClock(wall=lambda: 1.8e9, monotonic=lambda: 4000.0)

    receive(registry, aggregate(device, "5eed0001", 3, ending(summary, 3990.0), clock), now_s=3990.0)
    receive(registry, aggregate(device, "5eed0001", 1, ending(summary, 2190.0), clock).replayed(), now_s=3995.0)
    receive(registry, aggregate(device, "5eed0001", 2, ending(summary, 90.0), clock).replayed(), now_s=3995.0)

    assert seqs(only_room(registry).history.bins(4, 3990.0)) == [None, 1, None, 3]


def test_a_replayed_window_without_a_clock_is_not_in_the_history(
    registry: DeviceRegistry, device: Device, summary: Summary
) -> None:
    clock = WallClock(is_set=lambda _now_s: False)

    receive(
        registry,
        aggregate(device, "5eed0001", 3, summary(), clock),
        aggregate(device, "5eed0001", 1, summary(), clock).replayed(),
    )

    assert set(seqs(only_room(registry).history.bins(60, 50.0))) == {None, 3}


@pytest.mark.parametrize(
    "end", ["0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z", "0001-01-01T00:00:00.000+14:00"]
)
def test_a_window_of_an_impossible_day_is_not_in_the_history(
    registry: DeviceRegistry, device: Device, summary: Summary, end: str
) -> None:
    clock = WallClock(wall=lambda: 1.8e9, monotonic=lambda: 200.0)
    receive(registry, aggregate(device, "5eed0001", 3, summary(), clock))
    message = encode(aggregate(device, "5eed0001", 2, summary(), clock).replayed())
    body = json.loads(message.payload)
    body["window"]["end"] = end

    registry.receive(message.topic, json.dumps(body).encode(), 50.0)

    assert set(seqs(only_room(registry).history.bins(60, 50.0))) == {None, 3}


def numbered(seq: int) -> Window:
    return Window(seq, Mood(0, None, None, None), 0, 0, 60.0, None, False, 0.0)


@pytest.mark.parametrize(
    ("windows", "bins"),
    [
        ([], [None, None, None, None]),
        ([(1, 9990.0, 10000.0)], [None, None, None, 1]),
        ([(1, 6400.0, 7300.0)], [1, None, None, None]),
        ([(1, 6400.0, 7301.0)], [1, 1, None, None]),
        ([(1, 5000.0, 10000.0)], [1, 1, 1, 1]),
        ([(1, 7300.0, 8200.0), (2, 8200.0, 9100.0)], [None, 1, 2, None]),
        ([(2, 9950.0, 9990.0), (1, 9900.0, 9950.0)], [None, None, None, 2]),
        ([(1, 6300.0, 6400.0)], [None, None, None, None]),
        ([(1, 9990.0, 10060.0)], [None, None, None, 1]),
    ],
    ids=["nothing", "newest", "just one", "a bit of two", "longer", "neighbours", "late", "too old", "ahead"],
)
def test_a_bin_has_the_window_that_ended_last_of_those_that_overlap_it(
    windows: list[tuple[int, float, float]], bins: list[int | None]
) -> None:
    history = History()

    for seq, start_s, end_s in windows:
        history.add(numbered(seq), start_s, end_s, now_s=10000.0)

    assert seqs(history.bins(4, now_s=10000.0)) == bins


def test_a_window_older_than_an_hour_is_gone() -> None:
    history = History()
    history.add(numbered(1), 0.0, 60.0, now_s=60.0)

    assert 1 in seqs(history.bins(60, now_s=3600.0))
    assert 1 not in seqs(history.bins(60, now_s=3661.0))


def test_windows_of_the_same_moment_are_all_accepted() -> None:
    history = History()

    history.add(numbered(1), 0.0, 60.0, now_s=60.0)
    history.add(numbered(2), 0.0, 60.0, now_s=60.0)

    assert seqs(history.bins(1, now_s=60.0)) == [2]


def test_the_history_is_bounded() -> None:
    history = History()

    for second in range(5000):
        history.add(numbered(second), 1000.0, 1000.0 + second / 1e4, now_s=1001.0)

    assert len(history._windows) == 3600
