"""How well people are counted: films of invented rooms, through a detector and the daemon's tracker.

The people are held-back heads that sit, turn away for some seconds, come, leave or pass by, so how many there are is
known. The figure is that of the daemon's ``people``: everybody who was confirmed within the film.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.records import Frame
from edge.vision.detector import FaceDetector
from edge.vision.tracker import FaceTracker
from train.detector.development import FRAME_PX, PHOTOGRAPHED
from train.detector.synthesis.drawing import Pixels, Sprite, blend, oval, stretch
from train.detector.synthesis.scenes import SceneGenerator
from train.detector.synthesis.sprites import Collection, head
from train.run.progress import Progress, silent

KINDS = ("seated", "restless", "coming and leaving", "passing by")

FILMS = 8
"""Films of each kind."""

FPS = 10
"""Frames a second, the daemon's default."""

DURATION_S = 20.0

FACES_PX = (45.0, 80.0)
"""Least and most height of the faces of a film."""

AWAY_S = (1.5, 8.0)
"""How long somebody turns away; the tracker remembers a place for ten seconds."""

PACE = (1.0, 4.0)
"""Face heights a second that people walk: 0.2 to 0.85 m/s."""

_SEED = 20158


@dataclass(frozen=True, slots=True)
class Person:
    """A head whose face is at ``places`` (n, 2), x and y in pixels, at ``times_s`` (n), and between them on the way.

    It shows its back during ``away_s``, pairs of beginning and end, and is not there before and after ``times_s``.
    """

    front: Sprite
    back: Sprite
    times_s: Sequence[float]
    places: npt.NDArray[np.float64]
    away_s: Sequence[tuple[float, float]] = ()

    def lay(self, canvas: Pixels, now_s: float) -> None:
        """Draw the person as it is at ``now_s``."""
        if not self.times_s[0] <= now_s <= self.times_s[-1]:
            return
        away = any(start <= now_s < end for start, end in self.away_s)
        face = self.front.faces[0]
        sway = 0.08 * (face[3] - face[1]) * np.sin(now_s * np.array([1.1, 0.7]) + self.places[0])
        at = [np.interp(now_s, self.times_s, axis) for axis in self.places.T]
        matrix = np.column_stack([np.eye(2), at + sway - (face[:2] + face[2:]) / 2])
        (self.back if away else self.front).lay(canvas, matrix)


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


def invent(held_back: Collection, count: int | None = None) -> Iterator[Film]:
    """``count`` films, or ``FILMS``, of each of ``KINDS``, always the same."""
    painter = SceneGenerator(held_back, FRAME_PX, PHOTOGRAPHED)
    for index, kind in enumerate(KINDS):
        for number in range(FILMS if count is None else count):
            random = np.random.default_rng((_SEED, index, number))
            room = painter.ground(random)
            yield Film(kind, room, _cast(held_back, kind, random))


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
        elif kind == "coming and leaving":
            pace = height * random.uniform(*PACE)
            come, leave = (outside[int(random.integers(2))] for _ in range(2))
            arrival = abs(x - come) / pace + random.uniform(0, 0.3 * DURATION_S)
            departure = arrival + random.uniform(0.2, 0.8) * DURATION_S
            times = [arrival - abs(x - come) / pace, arrival, departure, departure + abs(x - leave) / pace]
            xs = [come, x, x, leave]
        elif kind == "restless":
            start = random.uniform(2, 5)
            while start < DURATION_S:
                away.append((start, start + random.uniform(*AWAY_S)))
                start = away[-1][1] + random.uniform(2, 5)
        people.append(Person(front, _back(front), times, np.array([[x, y] for x in xs]), away))
    return people


def _back(front: Sprite) -> Sprite:
    """The head seen from behind: its face is its own hair."""
    face, pixels = front.faces[0], front.pixels
    width, height = face[2:] - face[:2]
    top = max(0, int(face[1] - 0.3 * height))
    hair = pixels[top : max(top + 3, int(face[1])), max(0, int(face[0])) : int(face[2])]
    centre = float(face[0] + face[2]) / 2, float(face[1] + 0.48 * height)
    alpha = oval(pixels.shape, centre, (0.6 * float(width), 0.6 * float(height)), 0.05 * float(height))
    return Sprite(blend(pixels, stretch(hair, *pixels.shape[::-1]), alpha), front.alpha, front.faces)


def count_people(detector: FaceDetector, film: Film) -> int:
    """The people that the daemon would count in ``film``."""
    tracker, seen = FaceTracker(), set[int]()
    pixels = film.frame(0)
    for number in range(int(DURATION_S * FPS)):
        frame = Frame(number, number / FPS, pixels)
        if tracker.detection_due(frame):
            pixels = film.frame(number)
            frame = Frame(number, number / FPS, pixels)
            tracks = tracker.update(frame, detector.detect(pixels))
        else:
            tracks = tracker.carry()
        seen |= {track.id for track in tracks if track.confirmed}
    return len(seen)


def measure_counts(detectors: Sequence[FaceDetector], films: Sequence[Film], progress: Progress = silent) -> str:
    """A Markdown table: the mean error of the count, as a share of the people, by kind of film and detector."""
    errors: dict[str, list[list[float]]] = {kind: [] for kind in KINDS}
    for number, film in enumerate(films):
        present = len(film.people)
        errors[film.kind].append([abs(count_people(each, film) - present) / present for each in detectors])
        progress(number + 1, len(films))
    rows = [*errors.items(), ("all", [each for kind in errors.values() for each in kind])]
    lines = [["error of the count", "films", *(each.name for each in detectors)], ["---"] * (len(detectors) + 2)]
    lines += [[kind, f"{len(all_)}", *(f"{mean:.1%}" for mean in np.mean(all_, axis=0))] for kind, all_ in rows if all_]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
