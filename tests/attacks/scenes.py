"""What a reader of every message can compute about one person: invented moods, published and subtracted.

Each attack is tried on the rule of before, a mean over the tracks of a window in thousandths (decision 7), and on the
daemon's own windows. An attacker guesses the strongest emotion of one person; where nothing is published, the
commonest.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.labels import EMOTIONS
from edge.records import EmotionScores, Face, Observation, PrivacyMode, Reading, Track
from edge.vision.window import EmotionWindow

FPS, WINDOW_S, K, TRIES = 5, 20.0, 3, 100
COMMONEST = EMOTIONS.index("neutral")

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Person:
    """Somebody with a mood, in view for some spans of seconds; ``is_lost`` makes each span a track of its own."""

    mood: Vector
    spans: Sequence[tuple[float, float]]
    left_px: int = 100


Scene = list[Person]
Publish = Callable[[Scene, float, PrivacyMode], list[Vector | None]]


def mood(random: np.random.Generator) -> Vector:
    """Half of all are neutral; the strongest emotion has a share of 0.5 to 1."""
    strongest = COMMONEST if random.random() < 0.5 else int(random.integers(len(EMOTIONS)))
    shares = random.dirichlet(np.full(len(EMOTIONS), 0.4))
    weight = random.uniform(0.5, 1.0)
    return np.asarray(weight * np.eye(len(EMOTIONS))[strongest] + (1 - weight) * shares)


def observations(scene: Scene, length_s: float, random: np.random.Generator) -> list[Observation]:
    """Readings scatter around a mood from frame to frame."""
    seen = []
    for frame in range(round(length_s * FPS)):
        now_s, readings = frame / FPS, []
        for number, person in enumerate(scene):
            for span, (from_s, to_s) in enumerate(person.spans):
                if from_s <= now_s < to_s:
                    scores = random.dirichlet(40 * person.mood + 0.05)
                    face = Face(person.left_px, 100, person.left_px + 80, 180, 0.9)
                    track = Track(1000 * number + span, face, True)
                    readings.append(Reading(track, EmotionScores(tuple((scores / scores.sum()).tolist()))))
        seen.append(Observation(frame, now_s, tuple(readings)))
    return seen


def before(scene: Scene, length_s: float, _mode: PrivacyMode, random: np.random.Generator) -> list[Vector | None]:
    """Moments with K in view, averaged by track and then over tracks."""
    windows: defaultdict[int, defaultdict[int, list[Vector]]] = defaultdict(lambda: defaultdict(list))
    for seen in observations(scene, length_s, random):
        if len(seen.readings) >= K:
            for reading in seen.readings:
                windows[int(seen.captured_at_s // WINDOW_S)][reading.track.id].append(
                    np.array(reading.scores.probabilities)
                )
    found: list[Vector | None] = []
    for number in range(round(length_s / WINDOW_S)):
        tracks = [np.mean(each, axis=0) for each in windows[number].values()]
        found.append(np.asarray(np.mean(tracks, axis=0)).round(3) if tracks else None)
    return found


def after(scene: Scene, length_s: float, mode: PrivacyMode, random: np.random.Generator) -> list[Vector | None]:
    """The daemon's windows."""
    window = EmotionWindow(duration_s=WINDOW_S, min_people=K, counts_only=None, uncertain_below=0.5, mode=mode)
    summaries = []
    for seen in observations(scene, length_s, random):
        while summary := window.advance(seen.captured_at_s):
            summaries.append(summary)
        window.add(seen)
    while summary := window.advance(length_s):
        summaries.append(summary)
    return [None if each.emotions is None else np.array(each.emotions.probabilities) for each in summaries]


@dataclass(frozen=True)
class Attack:
    """Makes a scene around a victim, and computes the victim's mood from what is published of it."""

    name: str
    mode: PrivacyMode
    length_s: float
    scene: Callable[[Vector, np.random.Generator], Scene]
    solve: Callable[[list[Vector | None], Scene], Vector | None]

    def recovered(self, publish: Callable[..., list[Vector | None]]) -> float:
        """Share of the tries in which the strongest emotion of the victim is guessed."""
        right = 0
        for seed in range(TRIES):
            random = np.random.default_rng(seed)
            victim = mood(random)
            scene = self.scene(victim, random)
            found = self.solve(publish(scene, self.length_s, self.mode, random), scene)
            guess = COMMONEST if found is None else int(found.argmax())
            right += guess == int(victim.argmax())
        return right / TRIES


def guessing() -> float:
    """How often the commonest emotion is right."""
    return float(np.mean([int(mood(np.random.default_rng(seed)).argmax()) == COMMONEST for seed in range(TRIES)]))


def _always(count: int, random: np.random.Generator, until_s: float) -> Scene:
    return [Person(mood(random), [(0, until_s)], 100 + 150 * number) for number in range(count)]


def _only(published: list[Vector | None], _scene: Scene) -> Vector | None:
    return next((each for each in published if each is not None), None)


def _restless(victim: Vector, random: np.random.Generator) -> Scene:
    spans = [(start, start + 1.5) for start in np.arange(0, WINDOW_S, 3.0).tolist()]
    return [Person(victim, spans, 20), *_always(2, random, WINDOW_S)]


def _joins(victim: Vector, random: np.random.Generator) -> Scene:
    return [*_always(3, random, 2 * WINDOW_S), Person(victim, [(WINDOW_S, 2 * WINDOW_S)], 20)]


def _joins_others_who_change(victim: Vector, random: np.random.Generator) -> Scene:
    """In the second window each of the others has moved a third of the way to another mood."""
    first = _always(3, random, WINDOW_S)
    later = [
        Person(0.67 * person.mood + 0.33 * mood(random), [(WINDOW_S, 2 * WINDOW_S)], person.left_px) for person in first
    ]
    return [*first, *later, Person(victim, [(WINDOW_S, 2 * WINDOW_S)], 20)]


def _subtract(published: list[Vector | None], _scene: Scene) -> Vector | None:
    three, four = published
    return None if three is None or four is None else 4 * four - 3 * three


def _poster(posters: int) -> Callable[[Vector, np.random.Generator], Scene]:
    """Before, posters were people: a scene with them. Now they are not in it, see tests/edge/test_visitors.py."""

    def scene(victim: Vector, random: np.random.Generator) -> Scene:
        return [*_always(posters, random, 2 * WINDOW_S), Person(victim, [(WINDOW_S, 2 * WINDOW_S)], 20)]

    return scene


def _know_posters(published: list[Vector | None], scene: Scene) -> Vector | None:
    mixed = published[-1]
    known = [person.mood for person in scene[:-1]]
    return None if mixed is None else len(scene) * mixed - np.sum(known, axis=0)


def _mirror(victim: Vector, _random: np.random.Generator) -> Scene:
    return [Person(victim, [(0, WINDOW_S)], 20 + 150 * copy) for copy in range(3)]


def _clerk(victim: Vector, random: np.random.Generator) -> Scene:
    """A clerk is away for 15 s after each visitor, so that a group holds two of the clerk's visits."""
    clerk = mood(random)
    return [Person(clerk, [(0, 20), (35, 55)], 400), Person(victim, [(5, 20)], 20)]


def _know_clerk(published: list[Vector | None], scene: Scene) -> Vector | None:
    found = _only(published, scene)
    return None if found is None else 3 * found - 2 * scene[0].mood


def _returns(gap_s: float) -> Callable[[Vector, np.random.Generator], Scene]:
    def scene(victim: Vector, _random: np.random.Generator) -> Scene:
        return [Person(victim, [(start, start + 5) for start in (0.0, 5 + gap_s, 10 + 2 * gap_s)], 100)]

    return scene


ATTACKS = (
    Attack("one of three is lost and found every 3 s", "room", WINDOW_S, _restless, _only),
    Attack("three in a window, four in the next: subtract", "room", 2 * WINDOW_S, _joins, _subtract),
    Attack(
        "the same, the others' moods having changed by a third",
        "room",
        2 * WINDOW_S,
        _joins_others_who_change,
        _subtract,
    ),
    Attack("one person and two reflections", "room", WINDOW_S, _mirror, _only),
    Attack("a visitor between two visits of a clerk whose mood is known", "visits", 80.0, _clerk, _know_clerk),
    Attack("one visitor three times, 8 s apart", "visits", 80.0, _returns(8.0), _only),
    Attack("one visitor three times, 11 s apart", "visits", 80.0, _returns(11.0), _only),
    Attack("one visitor three times, 15 s apart", "visits", 80.0, _returns(15.0), _only),
)
POSTERS = (
    Attack("a poster of three faces that are known", "room", 2 * WINDOW_S, _poster(3), _know_posters),
    Attack("a poster of two", "room", 2 * WINDOW_S, _poster(2), _know_posters),
)
