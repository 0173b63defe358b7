"""Films in which a stranger comes to a corner: found as soon as by looking at all of each frame, at less cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from edge.records import Frame, Pixels, Track
from edge.vision.detector.builtin import PACKAGED_DETECTOR, BuiltinDetector, load_detector
from edge.vision.detector.decode import Boxes
from edge.vision.detector.windows import Look
from edge.vision.movement import WHOLE_S, Movement
from edge.vision.tracker import FaceTracker
from tests.support.film import Actor, background, clear_expressions, film

pytestmark = pytest.mark.timeout(300)

LENGTH_S, COMES_S, CORNER_PX = 22, 15.05, (52, 60)


class CountingDetector(BuiltinDetector):
    """Counts its looks, each by the part of the whole input that it shows."""

    looked = 0.0

    def _look(self, pixels: Pixels, look: Look) -> Boxes:
        self.looked += look.cost / math.prod(self.manifest.input.shape)
        return super()._look(pixels, look)


@dataclass(frozen=True)
class Outcome:
    """How many are in view in the end, how long after ``COMES_S`` that was so at first, and the looks a second."""

    people: int
    found_after_s: float
    looks_a_second: float


def watch(frames: Iterable[Frame], people: int) -> Outcome:
    """The way of each frame to the tracker, as in the pipeline."""
    detector = CountingDetector(load_detector(PACKAGED_DETECTOR), max_looks=4)
    movement, tracker = Movement(), FaceTracker()
    found_at_s, tracks = np.inf, tuple[Track, ...]()
    for frame in frames:
        moved = movement.find(frame, [track.face for track in tracks]) if tracker.detection_due(frame) else None
        if moved is None:
            tracks = tracker.carry()
        else:
            tracks = tracker.update(frame, detector.detect(frame.pixels, moved), detector.unsure)
        if frame.captured_at_s >= COMES_S and len(tracks) >= people:
            found_at_s = min(found_at_s, frame.captured_at_s)
    return Outcome(len(tracks), found_at_s - COMES_S, detector.looked / LENGTH_S)


def lit(frames: Iterable[Frame], light: Callable[[float], float | np.ndarray]) -> Iterator[Frame]:
    """Each with the light of its time: 1 is as filmed, or one for each row."""
    for frame in frames:
        pixels = frame.pixels * light(frame.captured_at_s)
        yield replace(frame, pixels=np.clip(pixels, 0, 255).astype(np.uint8))


def shaken(frames: Iterable[Frame]) -> Iterator[Frame]:
    random = np.random.default_rng(0)
    for frame in frames:
        yield replace(frame, pixels=np.roll(frame.pixels, random.integers(-3, 4, 2), (0, 1)))


def scene(shared: Path, name: str, fps: float) -> tuple[Iterator[Frame], int]:
    """A film, and how many are in view in its end."""
    faces = clear_expressions(shared)
    stranger = Actor(faces[3].pixels, COMES_S, 60, CORNER_PX, 60)
    sitter = Actor(faces[0].pixels, 0, 60, (320, 220), 130, 3)
    beside = replace(stranger, at_px=(450, 150), side_px=48)

    def shot(*actors: Actor, noise: float = 2.0) -> Iterator[Frame]:
        return film(background(), actors, LENGTH_S, noise=noise, fps=fps)

    rows = np.arange(480)[:, None]
    scenes: dict[str, Callable[[], tuple[Iterator[Frame], int]]] = {
        "empty": lambda: (shot(), 0),
        "empty and noisy": lambda: (shot(noise=10), 0),
        "stranger": lambda: (shot(stranger), 1),
        "stranger and sitter": lambda: (shot(sitter, stranger), 2),
        "beside a large face": lambda: (shot(replace(sitter, side_px=200), beside), 2),
        "light fades": lambda: (lit(shot(stranger), lambda now_s: 1 - 0.03 * now_s), 1),
        "night": lambda: (lit(shot(stranger, noise=12), lambda _: 0.35), 1),
        "almost dark": lambda: (lit(shot(replace(stranger, sway_px=0), noise=1), lambda _: 0.06), 1),
        "lamp flickers": lambda: (lit(shot(stranger), lambda now_s: 1 + 0.1 * np.sin(31 * now_s)), 1),
        "bands wander": lambda: (lit(shot(stranger), lambda now_s: 1 + 0.15 * np.sin(rows / 60 + 7 * now_s)), 1),
        "camera shakes": lambda: (shaken(shot(sitter, stranger)), 2),
    }
    return scenes[name]()


@pytest.mark.parametrize("fps", [5, 10, 15])
@pytest.mark.parametrize(
    ("name", "most_looks"),
    [
        ("empty", 0.7),
        ("empty and noisy", 1.1),
        ("stranger", 1.3),
        ("stranger and sitter", 2.2),
        ("beside a large face", 2.2),
        ("light fades", 1.6),
        ("night", 1.4),
        ("almost dark", 1.2),
        ("lamp flickers", 5),
        ("bands wander", 5),
        ("camera shakes", 5),
    ],
)
def test_a_stranger_is_found_at_once_and_looks_are_few(shared: Path, name: str, most_looks: float, fps: float) -> None:
    frames, people = scene(shared, name, fps)

    outcome = watch(frames, people)

    detections_a_second = min(5, fps / 3 if fps > 6 else 2)
    assert outcome.people == people
    assert outcome.looks_a_second <= min(most_looks, 1.1 * detections_a_second + 0.1)
    if people:
        assert outcome.found_after_s <= (WHOLE_S if name in ("beside a large face", "almost dark") else 0.61)
