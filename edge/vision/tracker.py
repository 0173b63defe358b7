"""Detections -> short-lived tracks: who is in view, and how many different people were.

Two detections belong together when their boxes overlap or lie close, and are of like size. That is all: no appearance
is kept, so a person who leaves and returns counts again, and two who cross may swap. Re-identification is left out on
purpose; it would need a picture of a person to be remembered.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from edge.records import Face, Frame, Track
from edge.vision.detector import FaceDetector

MIN_AFFINITY = -1.0
"""Boxes that do not overlap belong together up to one face height apart. Seated neighbours are over two apart; a
walker at 1 m/s moves one and a half in the 0.3 s between detections."""

MIN_SIZE_RATIO = 0.5
"""A face does not double its size between two detections; a poster's or a false one beside it may differ more."""


@dataclass(slots=True)
class _Person:
    track: Track
    seen_at_s: float


class FaceTracker:
    """Follows the faces that a detector finds. Used by one thread only; time is the frames'.

    The detector runs on every ``detect_every``-th frame, and sooner when its last answer is half of ``max_missing_s``
    old or the frame has changed its shape. Between detections boxes are carried. A face that the detector misses is
    out of view at once, but keeps its id if it is found again within ``max_missing_s``.

    Attributes:
        detector: what finds the faces.
    """

    def __init__(
        self, detector: FaceDetector, *, detect_every: int = 3, max_missing_s: float = 1.0, max_tracks: int = 64
    ) -> None:
        """Follow at most ``max_tracks`` faces at once, those the detector is surest of."""
        self.detector = detector
        self._detect_every, self._max_missing_s, self._max_tracks = detect_every, max_missing_s, max_tracks
        self._people: list[_Person] = []
        self._in_view: tuple[Track, ...] = ()
        self._last_id = 0
        self._carried = 0
        self._detected_at_s = -math.inf
        self._shape: tuple[int, ...] = ()

    def update(self, frame: Frame) -> tuple[Track, ...]:
        """The tracks in view in ``frame``; ids grow from 1 and are never used again."""
        self._carried += 1
        age_s = frame.captured_at_s - self._detected_at_s
        if self._carried >= self._detect_every or age_s >= self._max_missing_s / 2 or frame.pixels.shape != self._shape:
            self._detect(frame)
        return self._in_view

    def _detect(self, frame: Frame) -> None:
        now_s = frame.captured_at_s
        faces = self.detector.detect(frame.pixels)[: self._max_tracks]
        matched = self._match(faces)
        in_view = []
        for index, face in enumerate(faces):
            person = matched.get(index)
            if person is None:
                self._last_id += 1
                person = _Person(Track(self._last_id, face, confirmed=False), now_s)
                self._people.append(person)
            else:
                person.track = Track(person.track.id, face, confirmed=True)
                person.seen_at_s = now_s
            in_view.append(person.track)
        self._people = [person for person in self._people if now_s - person.seen_at_s <= self._max_missing_s]
        self._in_view = tuple(in_view)
        self._carried, self._detected_at_s, self._shape = 0, now_s, frame.pixels.shape

    def _match(self, faces: tuple[Face, ...]) -> dict[int, _Person]:
        """The person of each face's index, the best pairs first; faces of nobody are left out."""
        pairs = sorted(
            (
                (affinity, index, place)
                for index, face in enumerate(faces)
                for place, person in enumerate(self._people)
                if (affinity := _affinity(person.track.face, face)) > MIN_AFFINITY
            ),
            reverse=True,
        )
        matched: dict[int, int] = {}
        for _, index, place in pairs:
            if index not in matched and place not in matched.values():
                matched[index] = place
        return {index: self._people[place] for index, place in matched.items()}


def _affinity(a: Face, b: Face) -> float:
    """Intersection over union less the distance of the centres in heights: 1 for equal boxes, -inf for unlike sizes."""
    smaller, larger = sorted((a.height_px, b.height_px))
    if smaller < MIN_SIZE_RATIO * larger:
        return -math.inf
    overlap_x = min(a.right_px, b.right_px) - max(a.left_px, b.left_px)
    overlap_y = min(a.bottom_px, b.bottom_px) - max(a.top_px, b.top_px)
    common = max(overlap_x, 0) * max(overlap_y, 0)
    union = a.width_px * a.height_px + b.width_px * b.height_px - common
    return common / union - math.dist(a.centre_px, b.centre_px) / larger
