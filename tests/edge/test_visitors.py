"""A film of twelve invented visitors to a kiosk, one at a time, through everything from the detector to the window."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from edge.config import Config
from edge.health import Meter
from edge.host.thermal import Throttle
from edge.labels import EMOTIONS
from edge.parts import open_classifier, open_detector
from edge.pipeline import Pipeline
from edge.records import Frame, RoomReading, WindowSummary
from edge.vision.classifier import PACKAGED_MODEL, EmotionClassifier, load_release
from edge.vision.crop import crop_face
from edge.vision.detector.builtin import PACKAGED_DETECTOR, BuiltinDetector, load_detector
from edge.vision.liveness import Liveness
from edge.vision.tracker import FaceTracker
from edge.vision.window import EmotionWindow
from tests.support.film import Actor, Expression, background, clear_expressions, film, is_found

pytestmark = pytest.mark.timeout(600)

K = 3


class Screening:
    """A film in the place of a camera."""

    live = paused = False

    def __init__(self, frames: Iterable[Frame]) -> None:
        self._frames = iter(frames)
        self.ended = False

    def next(self, _timeout_s: float) -> Frame | None:
        frame = next(self._frames, None)
        self.ended = frame is None
        return frame


class Windows(list[WindowSummary]):
    def publish_window(self, summary: WindowSummary) -> None:
        self.append(summary)

    def publish_live(self, room: RoomReading) -> None:
        """Is looked at elsewhere."""


def watch(frames: Iterable[Frame], mode: str, *, window_s: float = 60.0, min_people: int = K) -> list[WindowSummary]:
    """The windows of a film."""
    config, windows = Config(), Windows()
    window = EmotionWindow(
        duration_s=window_s,
        min_people=min_people,
        counts_only=None,
        uncertain_below=config.model.uncertain_below,
        mode=mode,  # type: ignore[arg-type]
    )
    detector, _ = open_detector(config.detector, config.inference)
    classifier, _ = open_classifier(config.model, config.inference)
    parts = detector, FaceTracker(), classifier, window, windows, Meter(), Throttle(), Liveness()
    Pipeline(Screening(frames), *parts).run(threading.Event())  # type: ignore[arg-type]
    return windows


def is_read(visitor: Actor, emotion: str, detector: BuiltinDetector, classifier: EmotionClassifier) -> bool:
    """Whether the classifier sees the emotion where the detector cuts the face: neither is examined here."""
    for frame in film(background(), [replace(visitor, from_s=0, to_s=1)], 1):
        (face,) = detector.detect(frame.pixels)
        crop = crop_face(frame.pixels, face, detector.crop_rule, classifier.input_size_px)
        (scores,) = classifier.classify([crop])
        if scores.dominant != emotion or scores.confidence < 0.9:
            return False
    return True


def twelve_visits(expressions: Iterable[Expression], seed: int) -> tuple[list[Actor], list[str], float]:
    """Each stays for 5 to 9 s and is followed after 12.5 to 15 s by one who stands a little to the side."""
    random, faces = Random(seed), list(expressions)
    detector = BuiltinDetector(load_detector(PACKAGED_DETECTOR, None))
    classifier = EmotionClassifier(load_release(PACKAGED_MODEL))
    now_s, actors, moods = 1.0, list[Actor](), list[str]()
    while len(actors) < 12:
        expression, stay_s = random.choice(faces), random.uniform(5, 9)
        at_px = 320 + random.randint(-60, 60), 220 + random.randint(-30, 30)
        visitor = Actor(expression.pixels, now_s, now_s + stay_s, at_px, random.randint(100, 170))
        if is_found(visitor, detector) and is_read(visitor, expression.emotion, detector, classifier):
            actors.append(visitor)
            moods.append(expression.emotion)
            now_s += stay_s + random.uniform(12.5, 15)
    return actors, moods, now_s


@pytest.mark.parametrize("seed", [1, 2])
def test_twelve_visitors_are_twelve_visits_and_each_group_has_its_mood(shared: Path, seed: int) -> None:
    actors, moods, length_s = twelve_visits(clear_expressions(shared), seed)

    windows = watch(film(background(), actors, length_s), "visits")

    assert sum(window.visits or 0 for window in windows) == 12
    published = [window for window in windows if window.emotions is not None]
    assert sum(window.basis.people for window in published if window.basis) == 12
    told = 0
    for window in published:
        assert window.basis is not None
        assert window.emotions is not None
        group = moods[told : told + window.basis.people]
        told += window.basis.people
        for emotion, share in zip(EMOTIONS, window.emotions.probabilities, strict=True):
            assert share == pytest.approx(group.count(emotion) / len(group), abs=0.1)


def test_a_poster_is_nobody_however_long_it_hangs(shared: Path) -> None:
    faces = clear_expressions(shared)
    posters = [Actor(faces[i].pixels, 0, 40, (120 + 200 * i, 150), 120, sway_px=0) for i in range(3)]

    windows = watch(film(background(), posters, 40), "room", window_s=10)

    assert [window.people for window in windows] == [0, 0, 0, 0]
    assert [window.still for window in windows] == [0, 3, 3, 3]
    assert {window.emotions for window in windows} == {None}


def test_three_people_before_posters_have_a_mood_without_them(shared: Path) -> None:
    happy = [face for face in clear_expressions(shared) if face.emotion == "happy"]
    sad = next(face for face in clear_expressions(shared) if face.emotion == "sad")
    people = [Actor(happy[i].pixels, 0, 20, (120 + 200 * i, 330), 120) for i in range(3)]
    posters = [Actor(sad.pixels, 0, 20, (120 + 200 * i, 90), 100, sway_px=0) for i in range(3)]

    (window,) = watch(film(background(), [*people, *posters], 20), "room", window_s=30)

    assert (window.people, window.still) == (3, 3)
    assert window.emotions is not None
    assert window.emotions.dominant == "happy"
    assert window.emotions.confidence >= 0.9
