"""Visits of a kiosk, as windows publish them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from edge.labels import EMOTIONS
from edge.records import Basis, EmotionScores, Face, Observation, Reading, Track, UnreadFace, WindowSummary
from edge.vision.window import EmotionWindow
from tests.support.observations import run

HERE, ELSEWHERE = (100, 100), (400, 100)


def only(emotion: str) -> EmotionScores:
    return EmotionScores(tuple(float(emotion == name) for name in EMOTIONS))


HAPPY, SAD, ANGRY = only("happy"), only("sad"), only("angry")
UNSURE = EmotionScores((0.4, 0.3, 0.3, 0, 0, 0, 0))


@dataclass(frozen=True)
class Stay:
    """Somebody in view from ``from_s`` to ``to_s``; ``scores`` None: never readable."""

    from_s: float
    to_s: float
    scores: EmotionScores | None = HAPPY
    at: tuple[int, int] = HERE
    height_px: int = 80


def film(stays: list[Stay], end_s: float, fps: int = 5) -> Iterator[Observation]:
    """What the camera sees: each stay is a track of its own."""
    for frame in range(round(end_s * fps)):
        now_s = frame / fps
        readings, unread = [], []
        for number, stay in enumerate(stays):
            if stay.from_s <= now_s <= stay.to_s:
                left, top = stay.at
                track = Track(number, Face(left, top, left + stay.height_px, top + stay.height_px, 0.9), True)
                if stay.scores is None:
                    unread.append(UnreadFace(track, "turned"))
                else:
                    readings.append(Reading(track, stay.scores))
        yield Observation(frame, now_s, tuple(readings), tuple(unread))


def watch(
    stays: list[Stay], end_s: float, *, min_people: int = 3, window_s: float = 30.0, stop: bool = False
) -> list[WindowSummary]:
    """The windows of a film; with ``stop`` also the one that a stop cuts short."""
    window = EmotionWindow(
        duration_s=window_s, min_people=min_people, counts_only=None, uncertain_below=0.5, mode="visits"
    )
    windows = run(window, list(film(stays, end_s)), end_s)
    return windows if stop else windows[:-1]


def share(summary: WindowSummary, emotion: str) -> float:
    assert summary.emotions is not None
    return summary.emotions.probabilities[EMOTIONS.index(emotion)]


def one_by_one(*moods: EmotionScores, every_s: float = 30.0, stay_s: float = 8.0) -> list[Stay]:
    return [Stay(number * every_s, number * every_s + stay_s, mood) for number, mood in enumerate(moods)]


def test_the_mood_of_enough_visits_comes_in_the_window_in_which_the_last_of_them_ends() -> None:
    first, second, third, fourth = watch(one_by_one(HAPPY, SAD, HAPPY), 120.0)

    assert [(window.suppressed, window.visits, window.gathered) for window in (first, second)] == [
        ("gathering", 1, 1),
        ("gathering", 1, 2),
    ]
    assert (third.suppressed, third.visits, third.gathered) == (None, 1, 0)
    assert third.emotions == EmotionScores((0, 0, 0, 0.65, 0.35, 0, 0))
    assert third.basis == Basis("visits", 3, 0.0, 68.0)
    assert (fourth.emotions, fourth.suppressed, fourth.visits, fourth.gathered) == (None, None, 0, 0)


def test_a_visit_ends_ten_seconds_after_somebody_was_last_seen() -> None:
    stays = [Stay(0.0, 20.0)]

    assert watch(stays, 40.0, window_s=29.9)[0].visits == 0
    assert watch(stays, 40.0, window_s=30.0)[0].visits == 1


def test_who_passes_by_within_two_seconds_is_no_visit() -> None:
    (window,) = watch([Stay(60.0, 61.0), Stay(80.0, 82.0)], 100.0, window_s=100.0)

    assert (window.visits, window.gathered) == (1, 1)


def test_each_visit_weighs_the_same_however_long() -> None:
    stays = [Stay(0.0, 100.0, SAD), Stay(120.0, 125.0), Stay(140.0, 145.0)]

    (window,) = watch(stays, 160.0, window_s=160.0)

    assert share(window, "happy") == pytest.approx(0.65)


def test_a_visit_is_published_once() -> None:
    windows = watch(one_by_one(SAD, SAD, SAD, HAPPY, HAPPY, HAPPY), 180.0)

    assert [window.emotions for window in windows if window.emotions] == [SAD, HAPPY]


def test_all_complete_groups_of_a_window_are_one_mean() -> None:
    moods = [*[SAD] * 3, *[HAPPY] * 3, ANGRY]

    (window,) = watch(one_by_one(*moods), 240.0, window_s=240.0)

    assert (window.visits, window.gathered) == (7, 1)
    assert window.emotions == EmotionScores((0, 0, 0, 0.5, 0.5, 0, 0))
    assert window.basis == Basis("visits", 6, 0.0, 158.0)


def test_who_is_found_again_within_ten_seconds_in_the_same_place_is_on_the_same_visit() -> None:
    stays = [Stay(start, start + 4.0, at=(100 + 5 * int(start), 100)) for start in (0.0, 10.0, 20.0)]

    (window,) = watch(stays, 60.0, window_s=60.0)

    assert (window.visits, window.gathered) == (1, 1)


def test_who_comes_back_just_after_a_visit_ended_is_the_same_restless_person() -> None:
    stays = [Stay(start, start + 4.0) for start in (0.0, 15.0, 30.0, 45.0)]

    (window,) = watch(stays, 80.0, window_s=80.0)

    assert (window.visits, window.gathered) == (1, 1)
    assert window.suppressed == "gathering"


def test_who_comes_later_is_somebody_else() -> None:
    stays = [Stay(start, start + 4.0) for start in (0.0, 16.0, 32.0)]

    (window,) = watch(stays, 80.0, window_s=80.0)

    assert (window.visits, window.gathered) == (3, 0)


@pytest.mark.parametrize("other", [Stay(6.0, 10.0, at=ELSEWHERE), Stay(6.0, 10.0, height_px=160)])
def test_who_comes_sooner_to_another_place_or_in_another_size_is_somebody_else(other: Stay) -> None:
    (window,) = watch([Stay(0.0, 4.0), other], 40.0, window_s=40.0)

    assert window.visits == 2


def test_two_people_in_view_at_once_are_two_visits() -> None:
    (window,) = watch([Stay(0.0, 8.0, HAPPY), Stay(1.0, 9.0, SAD, ELSEWHERE)], 30.0, min_people=2)

    assert window.visits == 2
    assert (share(window, "happy"), share(window, "sad")) == (0.5, 0.5)


def test_two_people_close_together_are_two_visits() -> None:
    (window,) = watch([Stay(0.0, 8.0, HAPPY), Stay(1.0, 9.0, SAD, (150, 100))], 30.0, min_people=2)

    assert window.visits == 2


def test_who_passes_by_is_no_visit() -> None:
    (window,) = watch([Stay(0.0, 1.8), Stay(14.0, 16.0)], 30.0)

    assert (window.people, window.visits, window.gathered) == (2, 1, 1)


def test_a_visit_of_somebody_who_never_looked_up_is_counted_and_has_no_mood() -> None:
    (window,) = watch([Stay(0.0, 8.0, None)], 30.0)

    assert (window.visits, window.gathered, window.suppressed) == (1, 0, "gathering")


def test_a_visit_across_the_end_of_a_window_is_in_the_later_one_whole() -> None:
    stays = [Stay(0.0, 10.0, SAD), Stay(22.0, 35.0, HAPPY)]

    first, second = watch(stays, 60.0, min_people=2)

    assert (first.visits, first.gathered) == (1, 1)
    assert second.basis == Basis("visits", 2, 0.0, 35.0)
    assert share(second, "happy") == 0.5


def test_a_quiet_window_withholds_nothing_and_keeps_what_was_gathered() -> None:
    windows = watch([Stay(0.0, 8.0)], 90.0)

    assert [window.suppressed for window in windows] == ["gathering", None, None]
    assert [window.gathered for window in windows] == [1, 1, 1]


def test_a_stop_ends_the_visits_of_those_in_view() -> None:
    windows = watch([Stay(0.0, 8.0), Stay(25.0, 29.0, SAD)], 29.0, min_people=2, stop=True)

    assert [window.visits for window in windows] == [2]
    assert share(windows[0], "sad") == 0.5


def test_unclear_readings_weigh_by_visit() -> None:
    stays = [Stay(0.0, 8.0, UNSURE), Stay(22.0, 80.0, HAPPY)]

    (window,) = watch(stays, 100.0, min_people=2, window_s=100.0)

    assert window.uncertain == 0.5


def test_with_a_threshold_of_one_each_visit_is_published_as_it_is() -> None:
    (window,) = watch([Stay(0.0, 8.0, EmotionScores((0.01, 0, 0, 0.99, 0, 0, 0)))], 30.0, min_people=1)

    assert share(window, "angry") == pytest.approx(0.01)
    assert window.basis == Basis("visits", 1, 0.0, 8.0)


def test_many_at_once_are_bounded() -> None:
    window = EmotionWindow(
        duration_s=60.0, min_people=1, counts_only=None, uncertain_below=0.5, mode="visits", max_people=3
    )
    stays = [Stay(0.0, 8.0, at=(200 * number, 100)) for number in range(9)]
    for observation in film(stays, 30.0):
        window.add(observation)

    summary = window.advance(60.0)

    assert summary is not None
    assert summary.visits == 3


def test_twelve_visitors_one_at_a_time_are_four_moods_within_a_tenth_of_the_truth() -> None:
    moods = [HAPPY, SAD, HAPPY, ANGRY, ANGRY, SAD, HAPPY, HAPPY, HAPPY, SAD, ANGRY, HAPPY]

    windows = watch(one_by_one(*moods, every_s=21.0), 260.0, window_s=20.0)

    assert sum(window.visits or 0 for window in windows) == 12
    published = [window for window in windows if window.emotions is not None]
    for group, window in enumerate(published):
        members = moods[3 * group : 3 * group + 3]
        for emotion, mood in (("happy", HAPPY), ("sad", SAD), ("angry", ANGRY)):
            assert share(window, emotion) == pytest.approx(members.count(mood) / 3, abs=0.1)
    assert len(published) == 4
