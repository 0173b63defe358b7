"""Nobody weighs more than one of k in anything published, in either mode, whatever the scene."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.labels import EMOTIONS
from edge.records import EmotionScores, Face, Observation, PrivacyMode, Reading, Track
from edge.vision.window import PARTS, EmotionWindow
from tests.attacks import report, scenes

HAPPY, SAD = (EmotionScores(tuple(float(name == each) for each in EMOTIONS)) for name in ("happy", "sad"))
PLACES = st.sampled_from([(100, 80), (130, 90), (400, 80), (420, 160)])
VISITS = st.lists(st.tuples(PLACES, st.integers(0, 80), st.integers(1, 30)), min_size=1, max_size=8)


def published(
    mode: PrivacyMode, k: int, stays: list[tuple[tuple[int, int], int, int]], moods: list[EmotionScores]
) -> list[tuple[int, float]]:
    """People and share of happy of each published mood; each stay is another track."""
    window, found = EmotionWindow(duration_s=15, min_people=k, counts_only=None, uncertain_below=0, mode=mode), []
    for now_s in range(125):
        while summary := window.advance(float(now_s)):
            if summary.emotions is not None and summary.basis is not None:
                found.append((summary.basis.people, summary.emotions.probabilities[EMOTIONS.index("happy")]))
        readings = []
        for number, (((left, height), begin, length), mood) in enumerate(zip(stays, moods, strict=True)):
            if begin <= now_s < begin + length:
                face = Face(left, 50, left + height, 50 + height, 0.9)
                readings.append(Reading(Track(number, face, True), mood))
        window.add(Observation(now_s, float(now_s), tuple(readings)))
    return found


@pytest.mark.parametrize("mode", ["room", "visits"])
@settings(max_examples=60)
@given(stays=VISITS, k=st.integers(2, 4), data=st.data())
def test_nobody_moves_a_published_share_by_more_than_one_of_k(
    mode: PrivacyMode, stays: list[tuple[tuple[int, int], int, int]], k: int, data: st.DataObject
) -> None:
    who = data.draw(st.integers(0, len(stays) - 1))
    others = data.draw(st.lists(st.sampled_from([HAPPY, SAD]), min_size=len(stays), max_size=len(stays)))
    happy, sad = list(others), list(others)
    happy[who], sad[who] = HAPPY, SAD

    before, after = published(mode, k, stays, happy), published(mode, k, stays, sad)

    for (people, share), (_, other) in zip(before, after, strict=True):
        assert people >= k
        assert abs(share - other) <= 1 / k + 1 / PARTS + 1e-9
    moved = [a != b for a, b in zip(before, after, strict=True)]
    assert mode == "room" or sum(moved) <= 1  # a visit is published once


@pytest.mark.parametrize("attack", scenes.POSTERS, ids=lambda attack: attack.name)
def test_a_passer_by_before_a_poster_is_guessed_no_better_than_without_any_message(
    monkeypatch: pytest.MonkeyPatch, attack: scenes.Attack
) -> None:
    monkeypatch.setattr(scenes, "TRIES", 20)

    assert attack.recovered(scenes.before) >= 0.9
    assert report.without_posters(attack) == scenes.guessing()


@pytest.mark.parametrize("attack", [each for each in scenes.ATTACKS if "8 s" in each.name or "11 s" in each.name])
def test_a_restless_visitor_is_one_visit_and_is_not_published(
    monkeypatch: pytest.MonkeyPatch, attack: scenes.Attack
) -> None:
    monkeypatch.setattr(scenes, "TRIES", 10)

    assert attack.recovered(scenes.after) == pytest.approx(scenes.guessing())


def test_the_rule_of_before_is_what_it_was() -> None:
    random = np.random.default_rng(1)
    victim = scenes.mood(random)
    restless = scenes.ATTACKS[0]

    (window,) = scenes.before(restless.scene(victim, random), scenes.WINDOW_S, "room", random)

    assert window is not None
    assert abs(window - victim).max() < 0.25
