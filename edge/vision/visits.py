"""The mood of a kiosk's visitors: each visit is averaged over its moments, then as many visits together as are needed.

A visit is one person in view, from arrival to having been gone for ten seconds. Whoever is found again sooner in the
same place is on the same visit. Visits wait in memory only, as sums, until there are enough; each is published once.
Of a visitor who left, nothing is kept but the place and size of the face, for seconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.records import Basis, EmotionScores, Face, Observation, Reading, Track
from edge.vision.moments import Mood

GONE_S = 10.0
"""How long somebody has been gone when the visit has ended."""

AGAIN_S = 12.0
"""Whoever comes to the place of a visit that has only just ended, so long after having been seen there last, may be the
same restless person, and is no further visit. Longer would make one visit of two people who follow each other."""

MIN_VISIT_S = 2.0
"""Whoever is in view for less passes by."""

MAX_MOVE, MIN_SIZE_RATIO = 1.0, 0.6
"""The same place: at most so many face heights apart, and the smaller at least this share of the larger. Someone who
steps aside, or leans back, is still there; taking two people for one makes a visit too few, never one too many."""


@dataclass(slots=True)
class _Visit:
    track_id: int
    face: Face
    began_s: float
    seen_s: float
    is_again: bool
    total: npt.NDArray[np.float64]
    readings: int = 0
    uncertain: int = 0

    def is_at(self, face: Face) -> bool:
        smaller, larger = sorted((self.face.height_px, face.height_px))
        near = math.dist(self.face.centre_px, face.centre_px) <= MAX_MOVE * larger
        return near and smaller >= MIN_SIZE_RATIO * larger


@dataclass(slots=True)
class _Group:
    """Complete groups of visits that no window has published yet."""

    total: npt.NDArray[np.float64]
    visits: int = 0
    uncertain: float = 0.0
    from_s: float = math.inf
    to_s: float = -math.inf


class Visits:
    """Gathers visits, and gives away ``min_people`` of them at a time. Used by one thread only."""

    def __init__(
        self, *, labels: tuple[str, ...], min_people: int, uncertain_below: float, max_people: int = 4096
    ) -> None:
        """At most ``max_people`` are on a visit at once; more are left out."""
        self._labels = labels
        self._min_people, self._uncertain_below, self._max_people = min_people, uncertain_below, max_people
        self._open: list[_Visit] = []
        self._over: list[_Visit] = []
        self._gathered: list[_Visit] = []
        self._group = _Group(np.zeros(len(labels)))
        self._ended = 0

    def add(self, observation: Observation) -> None:
        """Count a moment of everybody in view."""
        now_s = observation.captured_at_s
        self._end_until(now_s)
        by_track = {visit.track_id: visit for visit in self._open}
        tracks = observation.people
        here = {track.id for track in tracks}
        for track in tracks:
            visit = by_track.get(track.id) or self._found_again(track, here) or self._begin(track, now_s)
            visit.track_id, visit.face, visit.seen_s = track.id, track.face, now_s
            by_track[track.id] = visit
        for reading in observation.readings:
            self._read(by_track[reading.track.id], reading)

    def take(self, end_s: float) -> tuple[Mood | None, int, int]:
        """The mean over all complete groups of visits, the visits since the last call, and those that wait for more.

        ``end_s`` is the end of the window; infinity ends the visits of those in view too.
        """
        self._end_until(end_s)
        group, self._group = self._group, _Group(np.zeros(len(self._labels)))
        ended, self._ended = self._ended, 0
        if not group.visits:
            return None, ended, len(self._gathered)
        emotions = EmotionScores(tuple((group.total / group.visits).tolist()), self._labels)
        mood = Mood(emotions, group.uncertain / group.visits, Basis("visits", group.visits, group.from_s, group.to_s))
        return mood, ended, len(self._gathered)

    def _found_again(self, track: Track, here: Iterable[int]) -> _Visit | None:
        absent = (visit for visit in self._open if visit.track_id not in here and visit.is_at(track.face))
        return max(absent, key=lambda visit: visit.seen_s, default=None)

    def _begin(self, track: Track, now_s: float) -> _Visit:
        is_again = any(visit.is_at(track.face) for visit in self._over if now_s - visit.seen_s < AGAIN_S)
        visit = _Visit(track.id, track.face, now_s, now_s, is_again, np.zeros(len(self._labels)))
        if len(self._open) < self._max_people:
            self._open.append(visit)
        return visit

    def _read(self, visit: _Visit, reading: Reading) -> None:
        visit.readings += 1
        visit.uncertain += reading.scores.confidence < self._uncertain_below
        visit.total += reading.scores.probabilities

    def _end_until(self, now_s: float) -> None:
        """End the visits of those who have been gone for long enough, in the order in which they left."""
        self._over = [visit for visit in self._over if now_s - visit.seen_s < AGAIN_S]
        over = sorted((visit for visit in self._open if now_s - visit.seen_s >= GONE_S), key=lambda visit: visit.seen_s)
        self._open = [visit for visit in self._open if now_s - visit.seen_s < GONE_S]
        for visit in over:
            if visit.is_again:
                self._over.append(visit)
            elif visit.seen_s - visit.began_s >= MIN_VISIT_S:
                self._over.append(visit)
                self._ended += 1
                if visit.readings:
                    self._gather(visit)

    def _gather(self, visit: _Visit) -> None:
        self._gathered.append(visit)
        if len(self._gathered) < self._min_people:
            return
        group = self._group
        for each in self._gathered:
            group.visits += 1
            group.total += each.total / each.readings
            group.uncertain += each.uncertain / each.readings
            group.from_s, group.to_s = min(group.from_s, each.began_s), max(group.to_s, each.seen_s)
        self._gathered = []
