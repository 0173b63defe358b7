from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from edge.mqtt.backoff import Backoff


def test_waits_grow_to_a_minute_and_never_beyond() -> None:
    backoff = Backoff(Random(1))

    waits_s = [backoff.after_refusal() for _ in range(40)]

    assert 0.5 <= waits_s[0] <= 2
    assert max(waits_s) <= 60
    assert min(waits_s[15:]) >= 15


def test_two_devices_that_lose_the_same_broker_do_not_come_back_in_step() -> None:
    waits_s = {Backoff(Random(seed)).after_loss(3600, contested=True) for seed in range(20)}

    assert len(waits_s) == 20


def test_a_connection_that_lasted_starts_the_waits_anew() -> None:
    backoff = Backoff(Random(1))
    for _ in range(20):
        backoff.after_refusal()

    assert backoff.after_loss(60, contested=False) <= 2


def test_more_than_three_short_contested_connections_are_a_client_id_conflict() -> None:
    backoff = Backoff(Random(1))
    for _ in range(3):
        backoff.after_loss(1, contested=True)
    before = backoff.client_id_conflict

    wait_s = backoff.after_loss(1, contested=True)

    assert (before, backoff.client_id_conflict) == (False, True)
    assert 60 <= wait_s <= 90


@pytest.mark.parametrize(
    "interruption",
    [
        lambda backoff: backoff.after_refusal(),
        lambda backoff: backoff.after_loss(31, contested=True),
        lambda backoff: backoff.after_loss(1, contested=False),
    ],
    ids=["a broker that was away", "a connection that lasted", "a broker that said why"],
)
def test_what_a_fight_never_shows_rules_it_out(interruption: Callable[[Backoff], float]) -> None:
    backoff = Backoff(Random(1))
    for _ in range(3):
        backoff.after_loss(1, contested=True)

    interruption(backoff)
    backoff.after_loss(1, contested=True)

    assert not backoff.client_id_conflict
