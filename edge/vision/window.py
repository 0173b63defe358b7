"""Observations -> one summary per time window, with emotions withheld below the privacy threshold.

A reading counts towards emotions only if at least ``min_people`` faces are in view in its frame, and it counts once, in
one window. Counting tracks would not do: a face that is lost and found again is several tracks of one person. With a
threshold, the room's newest state has no emotions: from those of four people and, half a second later, of three,
anybody could compute the fourth's.

``docs/privacy.md`` and decision 7 say what the threshold does not protect.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from edge.labels import EMOTIONS
from edge.records import CountsOnly, EmotionScores, Observation, RoomReading, Suppression, WindowSummary

IN_VIEW_S = 2.0
"""How long after its last reading a face counts as in the room: a gauge must not flicker when a detection misses it."""


@dataclass(slots=True)
class _Tally:
    """What the open window has seen so far.

    ``counted`` readings have enough people beside them; ``totals`` sums up their probability vectors by track.
    """

    analysed: int = 0
    faces: int = 0
    max_at_once: int = 0
    people: set[int] = field(default_factory=set)
    counted: int = 0
    uncertain: int = 0
    totals: dict[int, npt.NDArray[np.float64]] = field(default_factory=dict)


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
        max_people: int = 4096,
    ) -> None:
        """Withhold emotions of fewer than ``min_people`` people in view, or of everybody for a reason ``counts_only``.

        A reading whose best probability is below ``uncertain_below`` is uncertain. At most ``max_people`` tracks are
        remembered per window; more are left out of its ``people`` and ``emotions``.
        """
        self._duration_s, self._min_people, self._counts_only = duration_s, min_people, counts_only
        self._uncertain_below, self._max_people = uncertain_below, max_people
        self._origin_s: float | None = None
        self._closed = 0
        self._counted_sequence = self._last_sequence = 0
        self._tally = _Tally()
        self._room: dict[int, tuple[float, EmotionScores]] = {}

    def add(self, observation: Observation) -> None:
        """Count an observation in the open window. ``advance`` to its time comes first.

        Raises:
            ValueError: it is later than the open window.
        """
        now_s, readings, tally = observation.captured_at_s, observation.readings, self._tally
        if self._origin_s is None:
            self._origin_s, self._closed = now_s, 0
            self._counted_sequence = observation.sequence - 1
        if now_s >= self._edge_s(self._origin_s, 1):
            raise ValueError(f"observation at {now_s} s is later than the open window; advance to its time first")
        self._last_sequence = observation.sequence
        tally.analysed += 1
        tally.faces += len(readings)
        tally.max_at_once = max(tally.max_at_once, len(readings))
        self._room |= {reading.track.id: (now_s, reading.scores) for reading in readings}
        self._forget_absent(now_s)
        known = [reading for reading in readings if self._remember(reading.track.id)]
        if len(known) < self._min_people:
            return
        tally.counted += len(known)
        for reading in known:
            tally.uncertain += reading.scores.confidence < self._uncertain_below
            total = tally.totals.setdefault(reading.track.id, np.zeros(len(EMOTIONS)))
            total += reading.scores.probabilities

    def advance(self, now_s: float) -> WindowSummary | None:
        """The open window's summary if its time is over at ``now_s``, else None.

        After a stall several windows are over: call again until None comes.
        """
        self._forget_absent(now_s)
        if self._origin_s is None or now_s < self._edge_s(self._origin_s, 1):
            return None
        summary = self._summary(self._origin_s, now_s)
        self._closed += 1
        return summary

    def close(self, now_s: float) -> WindowSummary | None:
        """The unfinished window's summary at a clean stop, or None before the first observation."""
        if self._origin_s is None:
            return None
        summary = self._summary(self._origin_s, now_s)
        self._origin_s = None
        return summary

    def room(self) -> RoomReading:
        """The people read in the last ``IN_VIEW_S``; the mean of their newest scores only without a threshold."""
        newest = [np.asarray(scores.probabilities) for _, scores in self._room.values()]
        if newest and self._counts_only:
            return RoomReading(len(newest), None, self._counts_only)
        if newest and self._min_people > 1:
            return RoomReading(len(newest), None, "windows_only")
        return RoomReading(len(newest), _mean(newest), None)

    def _remember(self, track_id: int) -> bool:
        """Whether the track is one of the open window's people, now if not before."""
        people = self._tally.people
        if len(people) < self._max_people:
            people.add(track_id)
        return track_id in people

    def _edge_s(self, origin_s: float, windows_on: int) -> float:
        """Start of the open window, or of one ``windows_on`` later; multiplied, as a sum would drift."""
        return origin_s + (self._closed + windows_on) * self._duration_s

    def _summary(self, origin_s: float, now_s: float) -> WindowSummary:
        """Summarise what the open window saw until ``now_s`` or its end, and start counting from zero."""
        tally, self._tally = self._tally, _Tally()
        captured = self._last_sequence - self._counted_sequence
        self._counted_sequence = self._last_sequence
        # Probabilities add up to 1, so a total's sum is its number of readings.
        emotions = _mean([total / total.sum() for total in tally.totals.values()])
        suppressed: Suppression | None = None if emotions or not tally.people else "too_few_people"
        if self._counts_only:
            emotions, suppressed = None, self._counts_only if tally.people else None
        return WindowSummary(
            start_s=self._edge_s(origin_s, 0),
            end_s=min(now_s, self._edge_s(origin_s, 1)),
            captured=captured,
            analysed=tally.analysed,
            people=len(tally.people),
            max_at_once=tally.max_at_once,
            mean_at_once=tally.faces / tally.analysed if tally.analysed else 0.0,
            emotions=emotions,
            uncertain=tally.uncertain / tally.counted if emotions else None,
            suppressed=suppressed,
        )

    def _forget_absent(self, now_s: float) -> None:
        self._room = {
            track_id: (seen_s, scores)
            for track_id, (seen_s, scores) in self._room.items()
            if now_s - seen_s <= IN_VIEW_S
        }


def _mean(people: Sequence[npt.NDArray[np.float64]]) -> EmotionScores | None:
    """The mean over people, each a probability vector; None if there is nobody."""
    return EmotionScores(tuple(np.mean(people, axis=0).tolist())) if people else None
