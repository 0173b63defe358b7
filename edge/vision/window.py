"""Observations -> one summary per time window, with emotions withheld below the privacy threshold.

Emotions are a mean over at least ``min_people`` people: those in view at the same moment (``moments``), or as many
visitors of a kiosk (``visits``). Each reading enters one window at most. With a threshold, shares are rounded, and the
room's newest state has no emotions: from those of four people and, half a second later, of three, anybody could compute
the fourth's.

``docs/privacy.md`` and decision 13 say what this protects, and what it does not.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from edge.labels import EMOTIONS
from edge.records import (
    CountsOnly,
    EmotionScores,
    Observation,
    PrivacyMode,
    RoomReading,
    Suppression,
    Unread,
    WindowSummary,
)
from edge.vision.moments import Moments, Mood
from edge.vision.visits import Visits

IN_VIEW_S = 2.0
"""How long after its last reading a face counts as in the room: a gauge must not flicker when a detection misses it."""

PARTS = 20
"""Above a threshold of one, shares are multiples of 1/PARTS: who subtracts two means is off by several of them."""


@dataclass(slots=True)
class _Tally:
    """What the open window has seen so far."""

    analysed: int = 0
    faces: int = 0
    max_at_once: int = 0
    people: set[int] = field(default_factory=set)
    still: set[int] = field(default_factory=set)
    unread: Counter[str] = field(default_factory=Counter)


class EmotionWindow:
    """Windows of ``duration_s``, start included and end excluded, on a grid that begins with the first observation.

    A window's ``captured`` frames are those up to its last observation that no earlier window has counted: frames lost
    between two windows count in the later one. Reads no clock; used by one thread only.
    """

    def __init__(
        self,
        *,
        duration_s: float,
        min_people: int,
        counts_only: CountsOnly | None,
        uncertain_below: float,
        labels: tuple[str, ...] = EMOTIONS,
        mode: PrivacyMode = "room",
        max_people: int = 4096,
    ) -> None:
        """Withhold emotions of fewer than ``min_people`` people, or of everybody for a reason ``counts_only``.

        ``labels`` are those of the readings, in order.
        A reading whose best probability is below ``uncertain_below`` is uncertain. At most ``max_people`` tracks are
        remembered per window; more are left out of its ``people`` and ``emotions``.
        """
        self._duration_s, self._min_people, self._counts_only = duration_s, min_people, counts_only
        self._max_people = max_people
        self._labels = labels
        self._moments = Moments(labels=labels, min_people=min_people, uncertain_below=uncertain_below)
        self._visits = None
        if mode == "visits":
            self._visits = Visits(
                labels=labels, min_people=min_people, uncertain_below=uncertain_below, max_people=max_people
            )
        self._origin_s: float | None = None
        self._closed = 0
        self._counted_sequence = self._last_sequence = 0
        self._tally = _Tally()
        self._room: dict[int, tuple[float, EmotionScores | None]] = {}

    def add(self, observation: Observation) -> None:
        """Count an observation in the open window. ``advance`` to its time comes first.

        Raises:
            ValueError: it is later than the open window.
        """
        now_s, people, tally = observation.captured_at_s, observation.people, self._tally
        if self._origin_s is None:
            self._origin_s, self._closed = now_s, 0
            self._counted_sequence = observation.sequence - 1
        if now_s >= self._edge_s(self._origin_s, 1):
            raise ValueError(f"observation at {now_s} s is later than the open window; advance to its time first")
        self._last_sequence = observation.sequence
        tally.analysed += 1
        tally.faces += len(people)
        tally.max_at_once = max(tally.max_at_once, len(people))
        tally.unread.update(face.reason for face in observation.unread)
        for track in people:
            self._remember(tally.people, track.id)
        for track in observation.still:
            self._remember(tally.still, track.id)
        self._room |= {track.id: (now_s, None) for track in people}
        self._room |= {reading.track.id: (now_s, reading.scores) for reading in observation.readings}
        self._forget_absent(now_s)
        if self._visits is not None:
            self._visits.add(observation)
        else:
            known = [reading for reading in observation.readings if reading.track.id in tally.people]
            self._moments.add(known, now_s)

    def advance(self, now_s: float) -> WindowSummary | None:
        """The open window's summary if its time is over at ``now_s``, else None.

        After a stall several windows are over: call again until None comes.
        """
        self._forget_absent(now_s)
        if self._origin_s is None or now_s < self._edge_s(self._origin_s, 1):
            return None
        summary = self._summary(self._origin_s, now_s, self._edge_s(self._origin_s, 1))
        self._closed += 1
        return summary

    def close(self, now_s: float) -> WindowSummary | None:
        """The unfinished window's summary at a clean stop, or None before the first observation.

        The stop ends every visit.
        """
        if self._origin_s is None:
            return None
        summary = self._summary(self._origin_s, now_s, math.inf)
        self._origin_s = None
        return summary

    def room(self) -> RoomReading:
        """The people read in the last ``IN_VIEW_S``; the mean of their newest scores only without a threshold."""
        people = len(self._room)
        newest = [np.asarray(scores.probabilities) for _, scores in self._room.values() if scores is not None]
        if not people:
            return RoomReading(0, None, None)
        if self._counts_only:
            return RoomReading(people, None, self._counts_only)
        if self._min_people > 1:
            return RoomReading(people, None, "windows_only")
        if not newest:
            return RoomReading(people, None, "unreadable")
        return RoomReading(people, EmotionScores(tuple(np.mean(newest, axis=0).tolist()), self._labels), None)

    def _remember(self, ids: set[int], track_id: int) -> None:
        if len(ids) < self._max_people:
            ids.add(track_id)

    def _edge_s(self, origin_s: float, windows_on: int) -> float:
        """Start of the open window, or of one ``windows_on`` later; multiplied, as a sum would drift."""
        return origin_s + (self._closed + windows_on) * self._duration_s

    def _summary(self, origin_s: float, now_s: float, visits_until_s: float) -> WindowSummary:
        """Summarise what the open window saw until ``now_s`` or its end, and start counting from zero."""
        tally, self._tally = self._tally, _Tally()
        captured = self._last_sequence - self._counted_sequence
        self._counted_sequence = self._last_sequence
        visits = gathered = None
        if self._visits is not None:
            mood, visits, gathered = self._visits.take(visits_until_s)
        else:
            mood = self._moments.take()
        suppressed = self._why_withheld(tally, mood, visits)
        if self._counts_only:
            mood = gathered = None
        if mood is not None and self._min_people > 1:
            mood = mood.rounded(PARTS)
        return WindowSummary(
            start_s=self._edge_s(origin_s, 0),
            end_s=min(now_s, self._edge_s(origin_s, 1)),
            captured=captured,
            analysed=tally.analysed,
            people=len(tally.people),
            max_at_once=tally.max_at_once,
            mean_at_once=tally.faces / tally.analysed if tally.analysed else 0.0,
            emotions=None if mood is None else mood.emotions,
            uncertain=None if mood is None else mood.uncertain,
            suppressed=suppressed,
            basis=None if mood is None else mood.basis,
            still=len(tally.still),
            unread=Unread(**tally.unread),
            visits=visits,
            gathered=gathered,
        )

    def _why_withheld(self, tally: _Tally, mood: Mood | None, visits: int | None) -> Suppression | None:
        if not tally.people and not visits:
            return None
        if self._counts_only:
            return self._counts_only
        if mood is not None:
            return None
        if visits is not None:
            return "gathering"
        return "unreadable" if tally.max_at_once >= self._min_people else "too_few_people"

    def _forget_absent(self, now_s: float) -> None:
        self._room = {
            track_id: (seen_s, scores)
            for track_id, (seen_s, scores) in self._room.items()
            if now_s - seen_s <= IN_VIEW_S
        }
