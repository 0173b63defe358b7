"""The limits of a connection: how much is in flight, what goes first, and how fast old windows follow."""

from __future__ import annotations

import logging
import math
from itertools import pairwise
from typing import cast

import pytest

from edge.mqtt.codec import Message, decode
from edge.mqtt.connection import Acknowledged, Connection, Limits
from edge.mqtt.messages import Aggregate
from edge.mqtt.outbox import Outbox
from edge.mqtt.sender import MAX_IN_FLIGHT, REPLAY_PER_S, Sender
from tests.support.clock import SettableClock
from tests.support.windows import a_window

HELLO, LIVE = Message("fer/v1/x/availability", b"online", qos=1), Message("fer/v1/x/cam0/live", b"{}", qos=0)


class RecordingConnection:
    """Takes every message, numbers it from 100 on, and delivers none."""

    name = "broker"

    def __init__(self, receive_maximum: int) -> None:
        self.limits = Limits(receive_maximum, packet_bytes=2**28, retain=True, qos=1)
        self.messages: list[Message] = []

    def publish(self, message: Message) -> int:
        self.messages.append(message)
        return 99 + len(self.messages)


class Line:
    """A sender with its outbox on such a connection."""

    def __init__(self, clock: SettableClock, receive_maximum: int = 65535) -> None:
        self.clock, self.outbox = clock, Outbox(None, "fer-x", clock=clock)
        self.connection = RecordingConnection(receive_maximum)
        self.sender = Sender(cast(Connection, self.connection), self.outbox, clock)

    def put(self, count: int) -> None:
        for _ in range(count):
            self.outbox.put(a_window)

    def make_historical(self) -> None:
        self.clock.now_s += 2 * 60 + 1

    def answer(self, mid: int, code: int = 0, reason: str = "") -> bool:
        return self.sender.acknowledged(Acknowledged(mid, code, reason))

    @property
    def windows(self) -> list[int]:
        """Numbers of the windows that were sent, in order; negative for historical ones."""
        aggregates = [message for message in self.connection.messages if message.topic.endswith("/aggregate")]
        windows = [decode(message.topic, message.payload) for message in aggregates]
        return [-window.seq if window.historical else window.seq for window in windows if isinstance(window, Aggregate)]


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def line(clock: SettableClock) -> Line:
    return Line(clock)


def test_at_most_twenty_messages_are_in_flight_and_each_answer_makes_room_for_one(line: Line) -> None:
    line.put(MAX_IN_FLIGHT + 5)

    assert line.sender.advance() == math.inf
    assert line.windows == list(range(1, MAX_IN_FLIGHT + 1))
    assert line.sender.advance() == math.inf
    assert line.answer(100)
    line.sender.advance()

    assert line.windows == list(range(1, MAX_IN_FLIGHT + 2))


def test_a_broker_that_grants_less_gets_less(clock: SettableClock) -> None:
    line = Line(clock, receive_maximum=3)
    line.put(5)

    line.sender.advance()

    assert line.windows == [1, 2, 3]


def test_what_is_in_flight_is_not_sent_again(line: Line) -> None:
    line.put(2)
    line.sender.advance()
    line.put(1)

    line.sender.advance()

    assert line.windows == [1, 2, 3]


def test_messages_go_before_windows_and_count_as_in_flight(clock: SettableClock) -> None:
    line = Line(clock, receive_maximum=3)
    line.put(3)
    for _ in range(2):
        line.sender.send(HELLO)

    line.sender.advance()

    assert line.connection.messages[:2] == [HELLO, HELLO]
    assert line.windows == [1]


def test_messages_wait_for_the_quota_too(clock: SettableClock) -> None:
    line = Line(clock, receive_maximum=2)
    for _ in range(3):
        line.sender.send(HELLO)

    line.sender.advance()
    assert line.connection.messages == [HELLO] * 2
    line.answer(100)
    line.sender.advance()

    assert line.connection.messages == [HELLO] * 3


def test_a_message_that_nobody_acknowledges_is_sent_at_once_and_is_not_in_flight(line: Line) -> None:
    line.sender.send(LIVE)

    assert line.connection.messages == [LIVE]
    assert line.sender.idle
    assert not line.answer(100)


def test_an_acknowledged_window_leaves_the_outbox(line: Line) -> None:
    line.put(2)
    line.sender.advance()

    assert line.answer(101)

    assert [row.window.seq for row in line.outbox.pending(9)] == [1]


@pytest.mark.parametrize("code", [0x87, 0x90, 0x95, 0x99])
def test_a_window_refused_for_good_is_set_aside_and_reported(line: Line, code: int) -> None:
    line.put(1)
    line.sender.advance()

    line.answer(100, code, "Not authorized")

    assert (line.outbox.depth, line.outbox.set_aside) == (0, 1)
    (problem,) = line.outbox.problems
    assert "because the broker refuses fer/v1/fer-x/cam0/aggregate: Not authorized" in problem.sentence
    assert line.sender.refusals == {"fer/v1/fer-x/cam0/aggregate": "Not authorized"}


@pytest.mark.parametrize("code", [0x80, 0x83, 0x91, 0x97, 0xFF])
def test_a_window_refused_for_now_stays_and_the_next_ones_go(line: Line, clock: SettableClock, code: int) -> None:
    line.put(2)
    line.sender.advance()

    line.answer(100, code, "Quota exceeded")
    line.put(1)
    line.sender.advance()
    clock.now_s += 2
    line.sender.advance()

    assert line.outbox.depth == 3
    assert line.windows == [1, 2, 3, 1]


def test_while_nobody_listens_fresh_windows_go_and_old_ones_are_offered_ever_more_slowly(
    line: Line, clock: SettableClock
) -> None:
    offered_s = []
    line.put(1)
    for _ in range(1200):
        before = len(line.connection.messages)
        line.sender.advance()
        for mid in range(100 + before, 100 + len(line.connection.messages)):
            offered_s.append(round(clock.now_s - 1000, 1))
            line.answer(mid, 0x10)
        clock.now_s += 0.1

    assert [round(later - offer) for offer, later in pairwise(offered_s)][:6] == [1, 2, 4, 8, 16, 30]


def test_several_windows_that_nobody_heard_are_one_probe_and_logged_once(
    line: Line, clock: SettableClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    line.put(3)
    line.sender.advance()

    for mid in (100, 101, 102):
        line.answer(mid, 0x10)

    assert line.sender.advance() == 1
    clock.now_s += 1
    line.sender.advance()
    assert line.windows == [1, 2, 3, 1]
    assert caplog.messages == ["nobody has subscribed to our windows; they are offered again"]


def test_who_listens_in_between_lets_the_probes_begin_anew(line: Line, clock: SettableClock) -> None:
    line.put(1)
    for mid in (100, 101, 102):
        line.sender.advance()
        line.answer(mid, 0x10)
        clock.now_s += 60
    line.put(1)
    line.sender.advance()
    line.answer(103)
    clock.now_s += 60

    line.sender.advance()
    line.answer(104, 0x10)

    assert line.sender.advance() == 1


def test_as_soon_as_one_window_is_heard_the_others_follow(line: Line, clock: SettableClock) -> None:
    line.put(3)
    line.sender.advance()
    for mid in (100, 101, 102):
        line.answer(mid, 0x10)
    line.put(1)
    line.sender.advance()

    line.answer(103)
    line.sender.advance()
    assert line.windows == [1, 2, 3, 4]
    for _ in range(3):
        clock.now_s += 1 / REPLAY_PER_S
        line.sender.advance()

    assert line.windows == [1, 2, 3, 4, 1, 2, 3]


def test_a_refused_message_is_reported_until_it_is_taken_and_logged_once(
    line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    for code in (0x87, 0x87, 0):
        line.sender.send(HELLO)
        line.sender.advance()
        assert line.answer(99 + len(line.connection.messages), code, "Not authorized")
        assert line.sender.refusals == ({HELLO.topic: "Not authorized"} if code else {})

    assert line.sender.idle
    assert caplog.messages == [f"broker refuses {HELLO.topic}: Not authorized"]


def test_it_is_idle_when_everything_is_acknowledged(line: Line) -> None:
    idle = [line.sender.idle]
    line.sender.send(HELLO)
    idle.append(line.sender.idle)
    line.sender.advance()
    idle.append(line.sender.idle)
    line.answer(100)
    idle.append(line.sender.idle)

    assert idle == [True, False, False, True]


def test_the_oldest_message_in_flight_tells_how_long_nothing_was_answered(line: Line, clock: SettableClock) -> None:
    assert line.sender.unanswered_for_s == 0
    line.put(1)
    line.sender.advance()
    clock.now_s += 4
    line.put(1)
    line.sender.advance()
    clock.now_s += 3

    assert line.sender.unanswered_for_s == 7
    line.answer(100)
    assert line.sender.unanswered_for_s == 3
    line.answer(101)
    assert line.sender.unanswered_for_s == 0


def test_historical_windows_are_marked_and_sent_at_their_own_pace(line: Line, clock: SettableClock) -> None:
    line.put(3)
    line.make_historical()
    begun_s = clock.now_s

    assert line.sender.advance() == pytest.approx(1 / REPLAY_PER_S)
    assert line.windows == [-1]
    clock.now_s = begun_s + 0.75 / REPLAY_PER_S
    assert line.sender.advance() == pytest.approx(0.25 / REPLAY_PER_S)
    assert line.windows == [-1]
    clock.now_s = begun_s + 1 / REPLAY_PER_S
    line.sender.advance()

    assert line.windows == [-1, -2]


def test_fresh_windows_overtake_historical_ones(line: Line) -> None:
    line.put(2)
    line.make_historical()
    line.put(2)

    line.sender.advance()

    assert line.windows == [3, 4, -1]


def test_a_connection_knows_when_it_was_opened(line: Line, clock: SettableClock) -> None:
    clock.now_s += 5

    assert line.sender.opened_s == clock.now_s - 5
