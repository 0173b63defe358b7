"""Weeks of a café that nobody measured: opening hours, a camera that fails, a night of maintenance."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from random import Random

from msgspec.structs import replace

from edge.labels import EMOTIONS
from edge.mqtt.compose import aggregate
from edge.mqtt.messages import Aggregate, Device
from edge.mqtt.wallclock import WallClock
from edge.records import EmotionScores, WindowSummary

MINUTES = 5


def cafe(device: Device, start: datetime, days: int) -> Iterator[Aggregate]:
    """Windows of five minutes: closed at night, busy at noon; no windows on the second night, no images one morning."""
    random = Random(5)
    for seq in range(1, days * 24 * 60 // MINUTES + 1):
        end = start + timedelta(minutes=MINUTES * seq)
        day, hour = (end - start).days, (end - start).seconds / 3600
        if day % 7 == 2 and hour < 8:
            continue
        people = 0
        if 8 <= hour <= 20:
            people = max(0, round(6 * math.exp(-((hour - 13) ** 2) / 6) + random.gauss(2, 1.2) - 2 * (day % 7 == 6)))
        blind = day % 7 == 4 and 9 <= hour < 11
        yield window(device, seq, end, 0 if blind else people, blind=blind, happy=0.3 + 0.3 * math.sin(hour / 4))


def window(
    device: Device,
    seq: int,
    end: datetime,
    people: int,
    *,
    blind: bool = False,
    happy: float = 0.5,
    shares: Mapping[str, float] | None = None,
) -> Aggregate:
    """A window of ``MINUTES`` that ended then; fewer than three people have no emotions.

    ``shares`` are those of a model with other labels.
    """
    withheld = 0 < people < 3
    if shares is None:
        some = {"happy": happy, "neutral": 0.8 - happy, "sad": 0.1, "surprise": 0.1}
        shares = {name: some.get(name, 0.0) for name in EMOTIONS}
    scores = EmotionScores(tuple(shares.values()), tuple(shares))
    summary = WindowSummary(
        start_s=0.0,
        end_s=60.0 * MINUTES,
        captured=0 if blind else 600,
        analysed=0 if blind else 600,
        people=people,
        max_at_once=people,
        mean_at_once=0.6 * people,
        emotions=scores if people and not withheld else None,
        uncertain=None,
        suppressed="too_few_people" if withheld else None,
    )
    made = aggregate(device, "5eed0001", seq, summary, WallClock())
    return replace(made, window=replace(made.window, start=end - timedelta(minutes=MINUTES), end=end))
