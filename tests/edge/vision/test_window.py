from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.records import Basis, EmotionScores, RoomReading, Track, Unread, UnreadFace, WindowSummary
from tests.support.observations import ANGRY, FACE, HAPPY, SAD, SCORES, make_window, run, scores, seen, share


def test_a_window_sums_up_what_it_saw() -> None:
    window = make_window()
    window.add(seen(0, 100.0, {1: HAPPY}))
    window.add(seen(1, 101.0, {1: HAPPY, 2: SAD}))
    window.add(seen(4, 104.0))

    assert window.advance(109.9) is None
    assert window.advance(110.0) == WindowSummary(
        start_s=100.0,
        end_s=110.0,
        captured=5,
        analysed=3,
        people=2,
        max_at_once=2,
        mean_at_once=1.0,
        emotions=scores(happy=0.75, sad=0.25),
        uncertain=0.0,
        suppressed=None,
        basis=Basis("room", 1, 100.0, 101.0),
    )


def test_each_moment_is_averaged_first_and_then_the_moments() -> None:
    window = make_window()
    window.add(seen(0, 0.0, {1: HAPPY, 2: SAD, 3: SAD, 4: SAD}))
    window.add(seen(1, 1.0, {1: HAPPY}))

    summary = window.close(2.0)

    assert summary is not None
    assert share(summary, "happy") == pytest.approx((1 / 4 + 1) / 2)


def test_a_restless_face_weighs_no_more_than_one_of_those_in_view() -> None:
    window = make_window(min_people=3)
    for frame in range(10):
        window.add(seen(frame, float(frame), {100 + frame: ANGRY, 1: HAPPY, 2: HAPPY}))

    summary = window.close(10.0)

    assert summary is not None
    assert summary.people == 12
    assert share(summary, "angry") == pytest.approx(0.35)


def test_the_basis_tells_the_fewest_people_and_the_first_and_last_moment() -> None:
    window = make_window(min_people=2)
    for frame, people in enumerate([1, 4, 2, 3, 1]):
        window.add(seen(frame, float(frame), dict.fromkeys(range(people), HAPPY)))

    summary = window.close(9.0)

    assert summary is not None
    assert summary.basis == Basis("room", 2, 1.0, 3.0)


def test_faces_that_could_not_be_read_are_people_without_a_mood() -> None:
    window = make_window(min_people=2)
    others = UnreadFace(Track(2, FACE, True), "dark"), UnreadFace(Track(3, FACE, True), "turned")
    window.add(replace(seen(0, 0.0, {1: HAPPY}), unread=others))

    assert window.room().people == 3
    summary = window.close(1.0)

    assert summary is not None
    assert (summary.people, summary.max_at_once, summary.mean_at_once) == (3, 3, 3.0)
    assert (summary.emotions, summary.suppressed) == (None, "unreadable")
    assert summary.unread == Unread(dark=1, turned=1)


def test_faces_that_never_move_are_counted_apart_once_each() -> None:
    window = make_window()
    posters = Track(7, FACE, True), Track(8, FACE, True)
    for frame in range(3):
        window.add(replace(seen(frame, float(frame)), still=posters))

    summary = window.close(3.0)

    assert window.room().people == 0
    assert summary is not None
    assert (summary.still, summary.people, summary.max_at_once, summary.suppressed) == (2, 0, 0, None)


def test_an_empty_room_has_no_emotions() -> None:
    (summary,) = run(make_window(min_people=3), [seen(0, 0.0), seen(1, 1.0)], end_s=2.0)

    assert (summary.people, summary.max_at_once, summary.mean_at_once) == (0, 0, 0.0)
    assert (summary.emotions, summary.uncertain, summary.suppressed) == (None, None, None)


def test_uncertain_is_the_share_of_readings_without_a_clear_emotion() -> None:
    unclear, just_clear = scores(happy=0.4, sad=0.3), scores(happy=0.5, sad=0.3)
    window = make_window(uncertain_below=0.5)
    for frame, score in enumerate([HAPPY, unclear, just_clear, HAPPY]):
        window.add(seen(frame, frame, {1: score}))

    summary = window.close(4.0)

    assert summary is not None
    assert summary.uncertain == 0.25


def test_the_end_of_a_window_belongs_to_the_next() -> None:
    first, second = run(make_window(), [seen(0, 5.0, {1: HAPPY}), seen(1, 15.0, {2: SAD})], end_s=16.0)

    assert (first.start_s, first.end_s, first.analysed) == (5.0, 15.0, 1)
    assert (second.start_s, second.end_s, second.analysed) == (15.0, 16.0, 1)


def test_after_a_stall_the_elapsed_windows_come_one_by_one() -> None:
    summaries = run(make_window(), [seen(0, 0.0, {1: HAPPY}), seen(70, 35.0, {1: HAPPY})], end_s=36.0)

    assert [(summary.start_s, summary.end_s) for summary in summaries] == [(0, 10), (10, 20), (20, 30), (30, 36)]
    assert [summary.analysed for summary in summaries] == [1, 0, 0, 1]
    assert [summary.captured for summary in summaries] == [1, 0, 0, 70]
    assert [summary.people for summary in summaries] == [1, 0, 0, 1]
    assert [summary.mean_at_once for summary in summaries] == [1, 0, 0, 1]


def test_frames_lost_between_two_windows_count_in_the_later_one() -> None:
    first, second = run(make_window(), [seen(7, 0.0), seen(8, 9.9), seen(12, 10.0)], end_s=11.0)

    assert (first.captured, first.dropped) == (2, 0)
    assert (second.captured, second.dropped) == (4, 3)


def test_windows_do_not_drift_off_their_grid() -> None:
    window = make_window(duration_s=0.1)
    window.add(seen(0, 0.0))

    last = None
    while summary := window.advance(1000.0):
        last = summary

    assert last is not None
    assert last.end_s == pytest.approx(1000.0, abs=1e-9)


def test_before_the_first_observation_there_is_no_window() -> None:
    window = make_window()

    assert window.advance(1e6) is None
    assert window.close(1e6) is None
    assert window.room() == RoomReading(0, None, None)


def test_after_it_is_closed_there_is_no_window() -> None:
    window = make_window()
    window.add(seen(0, 0.0))
    window.close(1.0)

    assert window.advance(1e6) is None
    assert window.close(1e6) is None


def test_an_observation_later_than_the_open_window_is_refused() -> None:
    window = make_window()
    window.add(seen(0, 0.0))

    with pytest.raises(ValueError, match=r"observation at 10\.0 s is later than the open window; advance"):
        window.add(seen(1, 10.0))


def test_a_window_remembers_no_more_people_than_allowed() -> None:
    window = make_window(max_people=3)
    window.add(seen(0, 0.0, dict.fromkeys(range(5), HAPPY)))
    window.add(seen(1, 1.0, {0: SAD}))

    summary = window.close(2.0)

    assert summary is not None
    assert (summary.people, summary.max_at_once) == (3, 5)
    assert share(summary, "sad") == pytest.approx(0.5)


def test_a_window_remembers_4096_people_unless_told_otherwise() -> None:
    window = make_window()
    window.add(seen(0, 0.0, dict.fromkeys(range(5000), HAPPY)))

    summary = window.close(1.0)

    assert summary is not None
    assert summary.people == 4096


STEPS = st.lists(
    st.tuples(st.integers(1, 9), st.floats(0, 25), st.dictionaries(st.integers(1, 6), SCORES, max_size=4)),
    min_size=1,
    max_size=30,
)


@given(STEPS, st.integers(1, 5), st.floats(1, 30))
def test_windows_lose_no_frame_and_never_publish_emotions_of_too_few_people(
    steps: list[tuple[int, float, dict[int, EmotionScores]]], min_people: int, duration_s: float
) -> None:
    observations, sequence, now_s = [], 0, 1000.0
    for frames, passed_s, people in steps:
        sequence, now_s = sequence + frames, now_s + passed_s
        observations.append(seen(sequence, now_s, people))

    summaries = run(make_window(min_people=min_people, duration_s=duration_s), observations, end_s=now_s)

    assert sum(summary.captured for summary in summaries) == sequence - observations[0].sequence + 1
    assert sum(summary.analysed for summary in summaries) == len(observations)
    assert all(summary.dropped >= 0 for summary in summaries)
    assert all(later.start_s == earlier.end_s for earlier, later in pairwise(summaries))
    for summary in summaries:
        if summary.emotions is None:
            assert summary.max_at_once < min_people
        else:
            assert summary.max_at_once >= min_people
            assert sum(summary.emotions.probabilities) == pytest.approx(1)


@pytest.mark.parametrize("mode", ["room", "visits"])
def test_a_model_of_ones_own_gives_shares_of_its_own_labels(mode: str) -> None:
    labels = "bored", "happy"
    window = make_window(labels=labels, mode=mode)
    for frame in range(4):
        window.add(seen(frame, float(frame), {1: EmotionScores((0.25, 0.75), labels)}))

    room, summary = window.room(), window.close(9.0)

    assert summary is not None
    assert summary.emotions is not None
    assert room.emotions is not None
    assert summary.emotions.labels == room.emotions.labels == labels
    assert summary.emotions.probabilities == room.emotions.probabilities == (0.25, 0.75)
