"""Observations of invented people, and a window that sums them up."""

from __future__ import annotations

from hypothesis import strategies as st

from edge.labels import EMOTIONS
from edge.records import EmotionScores, Face, Observation, Reading, RoomReading, Track, WindowSummary
from edge.vision.window import EmotionWindow

FACE = Face(10, 10, 60, 60, 0.9)


def scores(**shares: float) -> EmotionScores:
    """Scores from the named shares; what is missing to 1 is neutral."""
    probabilities = [shares.get(emotion, 0.0) for emotion in EMOTIONS]
    probabilities[EMOTIONS.index("neutral")] += 1 - sum(probabilities)
    return EmotionScores(tuple(probabilities))


HAPPY, SAD, ANGRY = scores(happy=1), scores(sad=1), scores(angry=1)
SCORES = st.lists(st.floats(0.001, 1), min_size=7, max_size=7).map(
    lambda weights: EmotionScores(tuple(weight / sum(weights) for weight in weights))
)
"""Any scores, for hypothesis."""


def seen(sequence: int, at_s: float, people: dict[int, EmotionScores] | None = None) -> Observation:
    """A frame, numbered ``sequence``, with the scores of the people in it by their track."""
    readings = (Reading(Track(person, FACE, True), score) for person, score in (people or {}).items())
    return Observation(sequence, at_s, tuple(readings))


def make_window(**changes: object) -> EmotionWindow:
    """A window of 10 s that withholds nothing, but for ``changes``."""
    settings = {"duration_s": 10.0, "min_people": 1, "counts_only": None, "uncertain_below": 0.5} | changes
    return EmotionWindow(**settings)  # type: ignore[arg-type]


def run(window: EmotionWindow, observations: list[Observation], end_s: float) -> list[WindowSummary]:
    """What the pipeline does: advance to each observation, add it, close at the end."""
    summaries = []
    for observation in observations:
        while summary := window.advance(observation.captured_at_s):
            summaries.append(summary)
        window.add(observation)
    while summary := window.advance(end_s):
        summaries.append(summary)
    last = window.close(end_s)
    return [*summaries, last] if last else summaries


def share(summary: WindowSummary | RoomReading, emotion: str) -> float:
    """The share of an emotion."""
    assert summary.emotions is not None
    return summary.emotions.probabilities[EMOTIONS.index(emotion)]
