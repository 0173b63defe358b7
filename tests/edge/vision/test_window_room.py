"""What a room shows live, between its windows."""

from dataclasses import replace

import pytest

from edge.records import RoomReading, Track, UnreadFace
from tests.support.observations import FACE, HAPPY, SAD, make_window, seen, share


def test_without_a_threshold_the_room_says_that_nobody_in_it_could_be_read() -> None:
    window = make_window()
    window.add(replace(seen(0, 0.0), unread=(UnreadFace(Track(1, FACE, True), "blurred"),)))

    assert window.room() == RoomReading(1, None, "unreadable")


def test_the_room_shows_the_newest_scores_of_the_people_in_it() -> None:
    window = make_window()
    window.add(seen(0, 0.0, {1: SAD, 2: SAD}))
    window.add(seen(1, 1.0, {1: HAPPY}))

    room = window.room()

    assert room.people == 2
    assert share(room, "happy") == pytest.approx(0.5)


def test_the_room_forgets_a_person_two_seconds_after_the_last_reading() -> None:
    window = make_window()
    window.add(seen(0, 0.0, {1: HAPPY, 2: SAD}))
    window.add(seen(1, 2.0, {1: HAPPY}))
    assert window.room().people == 2

    window.add(seen(2, 2.1, {1: HAPPY}))

    assert window.room() == RoomReading(1, HAPPY, None)


@pytest.mark.parametrize("people", [1, 3, 9])
def test_with_a_threshold_the_room_counts_and_leaves_emotions_to_the_windows(people: int) -> None:
    window = make_window(min_people=2)

    window.add(seen(0, 0.0, dict.fromkeys(range(people), HAPPY)))

    assert window.room() == RoomReading(people, None, "windows_only")


def test_the_room_empties_while_no_frame_comes() -> None:
    window = make_window()
    window.add(seen(0, 0.0, {1: HAPPY}))

    window.advance(2.1)

    assert window.room() == RoomReading(0, None, None)


def test_the_room_is_kept_across_the_end_of_a_window() -> None:
    window = make_window()
    window.add(seen(0, 0.0))
    window.add(seen(1, 9.5, {1: HAPPY}))

    window.advance(10.0)

    assert window.room().people == 1
