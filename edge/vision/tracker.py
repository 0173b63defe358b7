"""Detections -> short-lived tracks: who is in view, and how many different people have been.

Two detections belong to the same person when their boxes overlap or lie close and are of similar size; who walks is
looked for where the walk leads as well. A face that kept its place and is lost, because somebody bows or turns away, is
the same person if it comes back there within seconds. Nothing about appearance is kept, so a person who leaves and
returns elsewhere counts again, and two who cross may swap ids. Re-identification is left out on purpose: it would have
to remember an image of a person.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from edge.records import Face, Frame, Track

MIN_AFFINITY = -1.75
"""Boxes that do not overlap belong to the same person up to this many face heights apart. Seated neighbours are more
than two apart; a person who walks at 1 m/s moves one and a half in the 0.3 s between detections."""

MIN_SIZE_RATIO = 0.5
"""A face does not double its size between two detections; a poster or a false detection beside it may differ more."""

RESTING = -0.5
"""Affinity with the box where a face came to rest from which it still rests there, and from which a face that appears
there later is the same: four fifths of a face height to the side, as far as a seated head sways."""

REST_S = 1.0
"""Who has been in one place for so long rests. A passer-by does not, so the next is not taken for the same person."""

STILL = 0.3
"""Who moves by less, in face heights a second, rests at once. Who walks at 0.2 m/s moves by one."""

KEPT = 0.3
"""Affinity with a person's last box above which a face too uncertain to begin a track continues theirs."""

OLD_PACE = 0.3
"""Weight of a person's pace before the newest step, which a box that jitters makes uncertain."""


@dataclass(slots=True)
class _Person:
    track: Track
    seen_at_s: float
    place: Face
    resting_since_s: float
    sure_at_s: float
    pace: tuple[float, float] = (0.0, 0.0)
    """Pixels a second, to the right and down."""

    def see(self, face: Face, now_s: float, *, sure: bool) -> None:
        if (passed_s := now_s - self.seen_at_s) > 0:
            (x, y), (old_x, old_y) = face.centre_px, self.track.face.centre_px
            old = OLD_PACE if self.track.confirmed else 0
            self.pace = (
                old * self.pace[0] + (1 - old) * (x - old_x) / passed_s,
                old * self.pace[1] + (1 - old) * (y - old_y) / passed_s,
            )
        self.track = Track(self.track.id, face, confirmed=True)
        self.seen_at_s = now_s
        if sure:
            self.sure_at_s = now_s
        if _affinity(self.place, face) <= RESTING:
            self.place, self.resting_since_s = face, now_s

    @property
    def rests(self) -> bool:
        still = math.hypot(*self.pace) < STILL * self.track.face.height_px
        return self.track.confirmed and (still or self.seen_at_s - self.resting_since_s >= REST_S)


class FaceTracker:
    """Follows faces from one detection to the next. Used by one thread only; its clock is the frames'.

    A detection is due on every ``detect_every``-th frame, and sooner if the last one is half of ``max_missing_s`` old
    or the frame has another shape. Frames between two detections keep the boxes. A face that a detection misses is
    out of view at once, but keeps its id if it is found again within ``max_missing_s``, or within ``max_away_s`` in the
    place where it rested.

    Attributes:
        in_view: the tracks of the last detection.
    """

    def __init__(
        self,
        *,
        detect_every: int = 3,
        max_missing_s: float = 1.0,
        max_away_s: float = 10.0,
        max_tracks: int = 64,
    ) -> None:
        """Follow at most ``max_tracks`` faces at once, those with the highest confidence."""
        self._detect_every, self._max_missing_s, self._max_tracks = detect_every, max_missing_s, max_tracks
        self._max_away_s = max_away_s
        self._people: list[_Person] = []
        self.in_view: tuple[Track, ...] = ()
        self._last_id = 0
        self._carried = 0
        self._detected_at_s = -math.inf
        self._shape: tuple[int, ...] = ()

    def detection_due(self, frame: Frame) -> bool:
        """Whether ``frame`` needs a detection (``update``) or may keep the boxes (``carry``)."""
        age_s = frame.captured_at_s - self._detected_at_s
        return (
            self._carried + 1 >= self._detect_every
            or age_s >= self._max_missing_s / 2
            or frame.pixels.shape != self._shape
        )

    def carry(self) -> tuple[Track, ...]:
        """The tracks in view in a frame without a detection: those of the frame before."""
        self._carried += 1
        return self.in_view

    def update(self, frame: Frame, faces: Sequence[Face], unsure: Sequence[Face] = ()) -> tuple[Track, ...]:
        """The tracks of the ``faces`` detected in ``frame``, best first; ids grow from 1 and are never used again.

        A confirmed track in view that none of them continues is kept by one of the ``unsure`` that lies on it.
        """
        now_s, faces = frame.captured_at_s, faces[: self._max_tracks]
        unsure = unsure[: self._max_tracks - len(faces)]
        matched = self._match(faces, self._people, MIN_AFFINITY, now_s)
        in_view = []
        for index, face in enumerate(faces):
            person = matched.get(index)
            if person is None:
                self._last_id += 1
                person = _Person(Track(self._last_id, face, confirmed=False), now_s, face, now_s, now_s)
                self._people.append(person)
            else:
                person.see(face, now_s, sure=True)
            in_view.append(person.track)
        followed = {track.id for track in in_view}
        left = [each for each in self._people if each.track.id not in followed and self._may_keep(each, now_s)]
        for index, person in self._match(unsure, left, KEPT, now_s).items():
            person.see(unsure[index], now_s, sure=False)
            in_view.append(person.track)
        self._people = [person for person in self._people if self._remembers(person, now_s)]
        self.in_view = tuple(in_view)
        self._carried, self._detected_at_s, self._shape = 0, now_s, frame.pixels.shape
        return self.in_view

    def forget(self) -> None:
        """Nobody is in view and nobody is expected back: the camera was closed."""
        self._people, self.in_view, self._detected_at_s = [], (), -math.inf

    def _remembers(self, person: _Person, now_s: float) -> bool:
        limit_s = self._max_away_s if person.rests else self._max_missing_s
        return now_s - person.seen_at_s <= max(limit_s, self._max_missing_s)

    def _may_keep(self, person: _Person, now_s: float) -> bool:
        """Whether ``person`` is confirmed, in view and has been found for sure within ``max_away_s``."""
        in_view = person.track.confirmed and person.seen_at_s == self._detected_at_s
        return in_view and now_s - person.sure_at_s <= self._max_away_s

    def _match(
        self, faces: Sequence[Face], people: Sequence[_Person], least: float, now_s: float
    ) -> dict[int, _Person]:
        """Which of ``people`` each face belongs to, by the face's index, best pairs first, above an affinity."""
        pairs = sorted(
            (
                (affinity, face_index, person_index)
                for face_index, face in enumerate(faces)
                for person_index, person in enumerate(people)
                if (affinity := self._affinity(person, face, now_s)) > least
            ),
            reverse=True,
        )
        matched: dict[int, int] = {}
        for _, face_index, person_index in pairs:
            if face_index not in matched and person_index not in matched.values():
                matched[face_index] = person_index
        return {face_index: people[person_index] for face_index, person_index in matched.items()}

    def _affinity(self, person: _Person, face: Face, now_s: float) -> float:
        # With few frames a second the last look may be older than that.
        if now_s - person.seen_at_s <= self._max_missing_s or person.seen_at_s == self._detected_at_s:
            passed_s = now_s - person.seen_at_s
            ahead = person.pace[0] * passed_s, person.pace[1] * passed_s
            return max(_affinity(person.track.face, face), _affinity(person.track.face, face, ahead))
        affinity = _affinity(person.place, face)
        return affinity if affinity > RESTING and self._remembers(person, now_s) else -math.inf


def _affinity(a: Face, b: Face, moved_px: tuple[float, float] = (0.0, 0.0)) -> float:
    """Intersection over union less the distance of the centres in heights: 1 for equal boxes, -inf for unlike sizes.

    ``a`` is taken to have ``moved_px`` to the right and down.
    """
    smaller, larger = sorted((a.height_px, b.height_px))
    if smaller < MIN_SIZE_RATIO * larger:
        return -math.inf
    x, y = moved_px
    overlap_x = min(a.right_px + x, b.right_px) - max(a.left_px + x, b.left_px)
    overlap_y = min(a.bottom_px + y, b.bottom_px) - max(a.top_px + y, b.top_px)
    common = max(overlap_x, 0) * max(overlap_y, 0)
    union = a.width_px * a.height_px + b.width_px * b.height_px - common
    return common / union - math.dist((a.centre_px[0] + x, a.centre_px[1] + y), b.centre_px) / larger
