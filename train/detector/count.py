"""How well people are counted: films of invented rooms, through a detector and the daemon's tracker.

The people are held-back heads that sit, turn away or tilt their heads for some seconds, come, leave or pass by, so how
many there are, and where, is known. The count is the daemon's ``people``: everybody who was confirmed within the film.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edge.records import Frame
from edge.vision.detector import FaceDetector
from edge.vision.detector.decode import Floats, overlaps
from edge.vision.tracker import FaceTracker
from train.detector.clips import sides
from train.detector.development import FRAME_PX, PHOTOGRAPHED
from train.detector.synthesis.drawing import Pixels, Sprite, blend, oval, stretch
from train.detector.synthesis.scenes import SceneGenerator
from train.detector.synthesis.sprites import NO_FACES, Collection, head
from train.run.progress import Progress, silent

KINDS = ("seated", "restless", "coming and leaving", "passing by", "tilting", "leaving pictures")
"""Of the last, each leaves a place where a blurred and pale picture of a head hangs."""

FILMS = 8
"""Films of each kind."""

FPS = 10
"""Frames a second, the daemon's default."""

DURATION_S = 20.0

FACES_PX = (45.0, 80.0)
"""Least and most height of the faces of a film."""

AWAY_S = (1.5, 8.0)
"""How long somebody turns away; the tracker remembers a place for ten seconds."""

TILT_DEG = (25.0, 45.0)
"""How far somebody tilts the head, for as long."""

ON_FACE_IOU = 0.3
"""Intersection over union from which a track is on a face."""

PACE = (1.0, 4.0)
"""Face heights a second that people walk: 0.2 to 0.85 m/s."""

_SEED = 20158


@dataclass(frozen=True, slots=True)
class Person:
    """A head whose face is at ``places`` (n, 2), x and y in pixels, at ``times_s`` (n), and between them on the way.

    It shows ``other``, tilted by ``tilt_deg``, during ``away_s``, pairs of beginning and end, and is not there before
    and after ``times_s``.
    """

    front: Sprite
    other: Sprite
    times_s: Sequence[float]
    places: npt.NDArray[np.float64]
    away_s: Sequence[tuple[float, float]] = ()
    tilt_deg: float = 0.0

    def lay(self, canvas: Pixels, now_s: float) -> None:
        """Draw the person as it is at ``now_s``."""
        if (shown := self._show(now_s)) is not None:
            shown[0].lay(canvas, shown[1])

    def faces(self, now_s: float) -> Floats:
        """The box of the face that it shows at ``now_s``, (1, 4), or none, (0, 4)."""
        shown = self._show(now_s)
        return NO_FACES if shown is None else shown[0].places(shown[1])

    def _show(self, now_s: float) -> tuple[Sprite, npt.NDArray[np.float64]] | None:
        """The sprite at ``now_s`` and its place, see ``Sprite.lay``."""
        if not self.times_s[0] <= now_s <= self.times_s[-1]:
            return None
        away = any(start <= now_s < end for start, end in self.away_s)
        face = self.front.faces[0]
        sway = 0.08 * (face[3] - face[1]) * np.sin(now_s * np.array([1.1, 0.7]) + self.places[0])
        at = [np.interp(now_s, self.times_s, axis) for axis in self.places.T]
        turn = np.deg2rad(self.tilt_deg if away else 0.0)
        linear = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        matrix = np.column_stack([linear, at + sway - linear @ ((face[:2] + face[2:]) / 2)])
        return (self.other if away else self.front), matrix


@dataclass(frozen=True, slots=True)
class Film:
    """``people`` before ``room``, the farther ones first."""

    kind: str
    room: Pixels
    people: Sequence[Person]

    def frame(self, number: int) -> Pixels:
        """What the camera shows, with its noise."""
        canvas = self.room.copy()
        for person in self.people:
            person.lay(canvas, number / FPS)
        noise = np.random.default_rng((_SEED, number)).normal(0, 3, canvas.shape)
        return np.clip(canvas + noise, 0, 255).astype(np.uint8)

    def faces(self, number: int) -> Floats:
        """The boxes (n, 4) of the faces whose centre it shows."""
        boxes = np.concatenate([NO_FACES, *(person.faces(number / FPS) for person in self.people)])
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2
        return np.asarray(boxes[((centres > 0) & (centres < self.room.shape[::-1])).all(axis=1)], np.float32)


@dataclass(frozen=True, slots=True)
class Watched:
    """What the daemon makes of a film: the ``people`` it counts; the share of the ``faces`` of all its detections that
    are in view, and the share of the confirmed tracks of all its detections that are on no face.
    """

    people: int
    in_view: float
    astray: float


def invent(held_back: Collection, count: int | None = None) -> Iterator[Film]:
    """``count`` films, or ``FILMS``, of each of ``KINDS``, always the same."""
    painter = SceneGenerator(held_back, FRAME_PX, PHOTOGRAPHED)
    for index, kind in enumerate(KINDS):
        for number in range(FILMS if count is None else count):
            random = np.random.default_rng((_SEED, index, number))
            room = painter.ground(random)
            people = _cast(held_back, kind, random)
            if kind == "leaving pictures":
                for person in people:
                    _hang(head(held_back, _height(person.front), PHOTOGRAPHED, random), person.places[1], room, random)
            yield Film(kind, room, people)


def _cast(held_back: Collection, kind: str, random: np.random.Generator) -> list[Person]:
    rows, columns = FRAME_PX
    height = FACES_PX[0] * (FACES_PX[1] / FACES_PX[0]) ** random.random()
    seats = int(columns / (2.5 * height))
    people = []
    for seat in random.permutation(seats)[: random.integers(1, seats + 1)]:
        front = head(held_back, height, PHOTOGRAPHED, random)
        x, y = (seat + 0.5) * columns / seats, rows * random.uniform(0.3, 0.6)
        times, xs, away = [0.0, DURATION_S], [x, x], []
        outside = (-height, columns + height)
        if kind == "passing by":
            pace = height * random.uniform(*PACE)
            start = random.uniform(0, 0.5 * DURATION_S)
            times, xs = [start, start + (columns + 2 * height) / pace], list(outside)[:: random.choice((-1, 1))]
        elif kind in {"coming and leaving", "leaving pictures"}:
            pace = height * random.uniform(*PACE)
            come, leave = (outside[int(random.integers(2))] for _ in range(2))
            arrival = abs(x - come) / pace + random.uniform(0, 0.3 * DURATION_S)
            departure = arrival + random.uniform(0.2, 0.8) * DURATION_S
            times = [arrival - abs(x - come) / pace, arrival, departure, departure + abs(x - leave) / pace]
            xs = [come, x, x, leave]
        elif kind in {"restless", "tilting"}:
            start = random.uniform(2, 5)
            while start < DURATION_S:
                away.append((start, start + random.uniform(*AWAY_S)))
                start = away[-1][1] + random.uniform(2, 5)
        places = np.array([[x, y] for x in xs])
        if kind == "tilting":
            tilt_deg = float(random.choice((-1, 1)) * random.uniform(*TILT_DEG))
            people.append(Person(front, front, times, places, away, tilt_deg))
        else:
            people.append(Person(front, _back(front), times, places, away))
    return people


def _height(front: Sprite) -> float:
    return float(front.faces[0][3] - front.faces[0][1])


def _hang(picture: Sprite, place: npt.NDArray[np.float64], room: Pixels, random: np.random.Generator) -> None:
    """Draw ``picture`` into ``room`` with its face at ``place``, blurred and pale, so that it hardly is a face."""
    blurred = cv2.GaussianBlur(picture.pixels, (0, 0), _height(picture) * random.uniform(0.03, 0.16))
    pale = 128 + random.uniform(0.1, 0.5) * (blurred.astype(np.float32) - 128)
    face = picture.faces[0]
    matrix = np.column_stack([np.eye(2), place - (face[:2] + face[2:]) / 2])
    Sprite(pale.astype(np.uint8), picture.alpha, picture.faces).lay(room, matrix)


def _back(front: Sprite) -> Sprite:
    """The head seen from behind: its face is its own hair."""
    face, pixels = front.faces[0], front.pixels
    width, height = face[2:] - face[:2]
    top = max(0, int(face[1] - 0.3 * height))
    hair = pixels[top : max(top + 3, int(face[1])), max(0, int(face[0])) : int(face[2])]
    centre = float(face[0] + face[2]) / 2, float(face[1] + 0.48 * height)
    alpha = oval(pixels.shape, centre, (0.6 * float(width), 0.6 * float(height)), 0.05 * float(height))
    return Sprite(blend(pixels, stretch(hair, *pixels.shape[::-1]), alpha), front.alpha, NO_FACES)


def watch(detector: FaceDetector, film: Film) -> Watched:
    """Run ``detector`` and the daemon's tracker over ``film``."""
    tracker, known = FaceTracker(), set[int]()
    pixels = film.frame(0)
    shown = seen = tracked = astray = 0
    for number in range(int(DURATION_S * FPS)):
        frame = Frame(number, number / FPS, pixels)
        if not tracker.detection_due(frame):
            tracker.carry()
            continue
        pixels = film.frame(number)
        frame = Frame(number, number / FPS, pixels)
        tracks = tracker.update(frame, detector.detect(pixels), detector.unsure)
        confirmed = [track for track in tracks if track.confirmed]
        known |= {track.id for track in confirmed}
        faces = film.faces(number)
        on_face = overlaps(sides([track.face for track in confirmed]), faces) >= ON_FACE_IOU
        shown, seen = shown + len(faces), seen + int(on_face.any(axis=0).sum())
        tracked, astray = tracked + len(confirmed), astray + int((~on_face.any(axis=1)).sum())
    return Watched(len(known), seen / max(1, shown), astray / max(1, tracked))


def measure_counts(detectors: Sequence[FaceDetector], films: Sequence[Film], progress: Progress = silent) -> str:
    """Three Markdown tables by kind of film and detector: the mean error of the count as a share of the people, and the
    means of ``in_view`` and ``astray``.
    """
    figures: dict[str, list[list[tuple[float, float, float]]]] = {kind: [] for kind in KINDS}
    for number, film in enumerate(films):
        present = len(film.people)
        watched = [watch(each, film) for each in detectors]
        figures[film.kind].append([(abs(w.people - present) / present, w.in_view, w.astray) for w in watched])
        progress(number + 1, len(films))
    rows = [*figures.items(), ("all", [each for kind in figures.values() for each in kind])]
    tables = []
    for index, title in enumerate(("error of the count", "faces in view", "tracks on no face")):
        lines = [[title, "films", *(each.name for each in detectors)], ["---"] * (len(detectors) + 2)]
        for kind, films_ in rows:
            if films_:
                means = np.mean(films_, axis=0)[:, index]
                lines.append([kind, f"{len(films_)}", *(f"{mean:.1%}" for mean in means)])
        tables.append("".join(f"| {' | '.join(line)} |\n" for line in lines))
    return "\n".join(tables)
