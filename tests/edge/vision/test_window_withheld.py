"""Emotions that a window withholds: of too few people, of unreadable ones, or of all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.records import EmotionScores, RoomReading
from tests.support.observations import HAPPY, SAD, SCORES, make_window, run, scores, seen, share


@pytest.mark.parametrize("min_people", [2, 3])
def test_above_a_threshold_of_one_shares_are_rounded_and_still_sum_to_one(min_people: int) -> None:
    window = make_window(min_people=min_people, uncertain_below=0.5)
    unclear = scores(happy=0.41, sad=0.3, angry=0.2)
    window.add(seen(0, 0.0, {1: HAPPY, 2: unclear, 3: SAD}))

    summary = window.close(1.0)

    assert summary is not None
    assert summary.emotions == EmotionScores((0.05, 0, 0, 0.45, 0.45, 0, 0.05))
    assert summary.uncertain == 0.35


@pytest.mark.parametrize(("people", "suppressed"), [(1, "too_few_people"), (2, "too_few_people"), (3, None), (4, None)])
def test_emotions_are_withheld_below_the_least_number_of_people(people: int, suppressed: str | None) -> None:
    (summary,) = run(make_window(min_people=3), [seen(0, 0.0, dict.fromkeys(range(people), HAPPY))], end_s=9.0)

    assert summary.people == people
    assert summary.suppressed == suppressed
    assert (summary.emotions is None) is (suppressed is not None)
    assert (summary.uncertain is None) is (suppressed is not None)


def test_people_who_come_one_after_another_may_be_one_and_do_not_reach_the_threshold() -> None:
    observations = [seen(frame, float(frame), {frame: HAPPY}) for frame in range(5)]

    (summary,) = run(make_window(min_people=3), observations, end_s=9.0)

    assert (summary.people, summary.max_at_once) == (5, 1)
    assert (summary.emotions, summary.uncertain, summary.suppressed) == (None, None, "too_few_people")


def test_who_stays_alone_is_not_read_out_because_others_passed_by() -> None:
    together = [seen(0, 0.0, {1: HAPPY, 2: HAPPY, 3: HAPPY})]
    alone = [seen(frame, float(frame), {1: scores(sad=0.4)}) for frame in range(1, 9)]

    (summary,) = run(make_window(min_people=3), together + alone, end_s=9.0)

    assert share(summary, "happy") == pytest.approx(1)
    assert summary.uncertain == 0
    assert summary.people == 3


def test_people_of_an_earlier_window_do_not_help_over_the_threshold() -> None:
    observations = [seen(0, 0.0, {1: HAPPY, 2: HAPPY, 3: HAPPY}), seen(1, 10.0, {3: SAD})]

    first, second = run(make_window(min_people=3), observations, end_s=11.0)

    assert first.suppressed is None
    assert (second.people, second.suppressed) == (1, "too_few_people")


def test_counts_only_withholds_emotions_of_any_crowd() -> None:
    window = make_window(counts_only="counts_only")
    window.add(seen(0, 0.0, dict.fromkeys(range(20), HAPPY)))

    assert window.room() == RoomReading(20, None, "counts_only")
    summary = window.close(1.0)
    assert summary is not None
    assert (summary.people, summary.emotions, summary.suppressed) == (20, None, "counts_only")


def test_counts_only_withholds_nothing_of_nobody() -> None:
    window = make_window(counts_only="counts_only")
    window.add(seen(0, 0.0))

    summary = window.close(1.0)

    assert summary is not None
    assert summary.suppressed is None


@given(SCORES, SCORES, st.integers(1, 8))
def test_one_persons_share_is_never_above_one_over_the_people(
    before: EmotionScores, after: EmotionScores, others: int
) -> None:
    def published(own: EmotionScores) -> EmotionScores:
        people = dict.fromkeys(range(1, others + 1), HAPPY)
        restless = [seen(frame, frame / 2, {100 + frame: own, **people}) for frame in range(4)]
        (summary,) = run(make_window(), restless, end_s=2.0)
        assert summary.emotions is not None
        return summary.emotions

    moved = sum(
        abs(a - b) for a, b in zip(published(before).probabilities, published(after).probabilities, strict=True)
    )
    own_move = sum(abs(a - b) for a, b in zip(before.probabilities, after.probabilities, strict=True))

    assert moved <= own_move / (others + 1) + 1e-9
