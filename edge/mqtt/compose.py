"""Composes messages from what the daemon knows: window summaries, readings, health."""

from __future__ import annotations

from datetime import datetime

from edge import records
from edge.mqtt.messages import (
    Aggregate,
    Basis,
    Device,
    FaceCounts,
    FrameCounts,
    Gathering,
    Live,
    PausedUntil,
    ReportedProblem,
    Status,
    WindowTime,
)
from edge.mqtt.wallclock import WallClock
from edge.records import EmotionScores, Health, RoomReading, WindowSummary


def aggregate(device: Device, epoch: str, seq: int, summary: WindowSummary, clock: WallClock) -> Aggregate:
    """One finished window; its ``id`` is the key by which consumers remove duplicates."""
    start, end = clock.stamps(summary.start_s, summary.end_s)
    emotions = _published(summary.emotions)
    return Aggregate(
        id=f"{device.id}-{epoch}-{seq:012d}",
        seq=seq,
        device=device.id,
        source=device.source,
        window=WindowTime(start, end, summary.end_s - summary.start_s, _clock(start)),
        historical=False,
        frames=FrameCounts(summary.captured, summary.analysed, summary.dropped),
        faces=FaceCounts(
            summary.people, summary.max_at_once, summary.mean_at_once, summary.visits, summary.still, summary.unread
        ),
        emotions=_shares(emotions),
        dominant=None if emotions is None else emotions.dominant,
        uncertain=summary.uncertain,
        suppressed=summary.suppressed,
        model=device.model,
        basis=_basis(summary.basis, clock),
        gathering=None if summary.gathered is None else Gathering(summary.gathered, device.privacy.min_people),
    )


def live(device: Device, room: RoomReading, clock: WallClock) -> Live:
    """The newest state of the room."""
    now = clock.now()
    emotions = _published(room.emotions)
    return Live(
        device=device.id,
        source=device.source,
        time=now,
        clock=_clock(now),
        people=room.people,
        emotions=_shares(emotions),
        dominant=None if emotions is None else emotions.dominant,
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
        paused=PausedUntil(health.paused.reason, health.paused.until) if health.paused else None,
    )


def _basis(basis: records.Basis | None, clock: WallClock) -> Basis | None:
    if basis is None:
        return None
    return Basis(basis.kind, basis.people, *clock.stamps(basis.from_s, basis.to_s))


def _clock(stamp: datetime | None) -> str:
    """The state of the clock that fits a stamp; asked separately, the clock might be set in between."""
    return "unsynced" if stamp is None else "synced"


def _published(emotions: EmotionScores | None) -> EmotionScores | None:
    """In thousandths; whatever else a message says of emotions follows from these."""
    return None if emotions is None else emotions.rounded(1000)


def _shares(emotions: EmotionScores | None) -> dict[str, float] | None:
    return None if emotions is None else dict(zip(emotions.labels, emotions.probabilities, strict=True))
