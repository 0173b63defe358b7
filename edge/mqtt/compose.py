"""Composes messages from what the daemon knows: window summaries, readings, health."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from edge.mqtt.messages import Aggregate, Device, FaceCounts, FrameCounts, Live, ReportedProblem, Status, WindowTime
from edge.mqtt.wallclock import WallClock
from edge.records import EmotionScores, Health, RoomReading, WindowSummary


def aggregate(device: Device, epoch: str, seq: int, summary: WindowSummary, clock: WallClock) -> Aggregate:
    """One finished window; its ``id`` is the key by which consumers remove duplicates."""
    start, end = clock.stamps(summary.start_s, summary.end_s)
    emotions = summary.emotions
    return Aggregate(
        id=f"{device.id}-{epoch}-{seq:012d}",
        seq=seq,
        device=device.id,
        source=device.source,
        window=WindowTime(start, end, summary.end_s - summary.start_s, _clock(start)),
        historical=False,
        frames=FrameCounts(summary.captured, summary.analysed, summary.dropped),
        faces=FaceCounts(summary.people, summary.max_at_once, summary.mean_at_once),
        emotions=_shares(emotions, device.labels),
        dominant=None if emotions is None else emotions.dominant,
        uncertain=summary.uncertain,
        suppressed=summary.suppressed,
        model=device.model,
    )


def live(device: Device, room: RoomReading, clock: WallClock) -> Live:
    """The newest state of the room."""
    now = clock.now()
    return Live(
        device=device.id,
        source=device.source,
        time=now,
        clock=_clock(now),
        people=room.people,
        emotions=_shares(room.emotions, device.labels),
        dominant=None if room.emotions is None else room.emotions.dominant,
        suppressed=room.suppressed,
    )


def status(device: Device, health: Health, clock: WallClock) -> Status:
    """The daemon's health."""
    return Status(
        device=device.id,
        state=health.state,
        problems=tuple(ReportedProblem(problem.code, problem.sentence) for problem in health.problems),
        camera=health.camera,
        inference=health.inference,
        mqtt=health.mqtt,
        host=health.host,
        uptime_s=health.uptime_s,
        version=health.version,
        clock=clock.state,
    )


def _clock(stamp: datetime | None) -> str:
    """The state of the clock that fits a stamp; asked separately, the clock might be set in between."""
    return "unsynced" if stamp is None else "synced"


def _shares(emotions: EmotionScores | None, labels: Sequence[str]) -> dict[str, float] | None:
    """Probabilities in thousandths that sum to one: the largest remainders are rounded up (Hamilton's method)."""
    if emotions is None:
        return None
    total = sum(emotions.probabilities)
    exact = [1000 * max(p, 0.0) / total for p in emotions.probabilities]
    parts = [int(share) for share in exact]
    by_remainder = sorted(range(len(exact)), key=lambda i: parts[i] - exact[i])
    for i in by_remainder[: 1000 - sum(parts)]:
        parts[i] += 1
    return {label: part / 1000 for label, part in zip(labels, parts, strict=True)}
