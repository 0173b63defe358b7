"""Who is the same person: who walks, bows, comes back or passes by."""

from __future__ import annotations

import pytest

from edge.records import Face
from edge.vision.tracker import FaceTracker
from tests.support.tracking import Script, face, ids


def test_a_missed_face_is_out_of_view_and_keeps_its_id_when_found_again_soon() -> None:
    script, tracker = Script([face(100)], [face(100)], [], [face(110)]), FaceTracker(detect_every=1)

    seen = script.follow(tracker, 0.0, 0.3, 0.6, 0.9)

    assert [ids(tracks) for tracks in seen] == [[1], [1], [], [1]]
    assert seen[3][0].confirmed


def test_a_missed_face_that_moved_on_keeps_its_id_too() -> None:
    script, tracker = Script([face(100)], [face(100)], [], [face(150)]), FaceTracker(detect_every=1)

    *_, last = script.follow(tracker, 0.0, 0.3, 0.6, 0.9)

    assert ids(last) == [1]


DIRECTIONS = pytest.mark.parametrize(("right_px", "down_px"), [(90, 0), (-90, 0), (0, 90), (0, -90), (60, 70)])
"""How far somebody walks in 0.3 s."""


def walk(right_px: int, down_px: int, *steps: int) -> list[list[Face]]:
    """A face after so many steps from the middle of a large frame each; none where the number is negative."""
    return [[face(600 + right_px * step, 600 + down_px * step)] if step >= 0 else [] for step in steps]


@DIRECTIONS
def test_who_walks_is_found_again_where_the_walk_leads(right_px: int, down_px: int) -> None:
    tracker = FaceTracker(detect_every=1)

    *_, last = Script(*walk(right_px, down_px, 0, 1, 2, -1, 4)).follow(tracker, *(1000 + 0.3 * i for i in range(5)))

    assert ids(last) == [1]


@DIRECTIONS
def test_who_walks_and_stops_is_the_same_person(right_px: int, down_px: int) -> None:
    tracker = FaceTracker(detect_every=1)

    seen = Script(*walk(right_px, down_px, 0, 1, 2, 2, 2)).follow(tracker, *(1000 + 0.3 * i for i in range(5)))

    assert [ids(tracks) for tracks in seen] == [[1]] * 5


@DIRECTIONS
def test_of_two_faces_the_one_where_the_walk_leads_is_the_one_who_walked(right_px: int, down_px: int) -> None:
    (first,), (second,), (third,), (led_to,) = walk(right_px, down_px, 0, 1, 2, 3)
    newcomer = face(third.left_px + 10, third.top_px + 10)
    script, tracker = Script([first], [second], [third], [newcomer, led_to]), FaceTracker(detect_every=1)

    *_, last = script.follow(tracker, *(1000 + 0.3 * i for i in range(4)))

    assert {track.id: track.face for track in last} == {1: led_to, 2: newcomer}


def test_two_who_walk_past_each_other_are_two_people() -> None:
    paths: list[list[Face]] = [[face(40 + 60 * step), face(460 - 60 * step, 190)] for step in range(8)]
    tracker = FaceTracker(detect_every=1)

    seen = Script(*paths).follow(tracker, *(0.3 * step for step in range(8)))

    assert [ids(tracks) for tracks in seen] == [[1, 2]] * 8


def test_a_person_who_returns_after_a_long_absence_counts_again() -> None:
    script = Script([face(100)], [face(100)], [], [face(100)], [face(100)])
    tracker = FaceTracker(detect_every=1, max_missing_s=1.0)

    seen = script.follow(tracker, 0.0, 0.1, 10.2, 10.3, 10.4)

    assert [ids(tracks) for tracks in seen] == [[1], [1], [], [2], [2]]


def test_two_people_keep_their_ids_when_the_detector_turns_their_order() -> None:
    script = Script([face(100), face(300)], [face(305), face(95)], [face(90), face(310)])
    tracker = FaceTracker(detect_every=1)

    seen = script.follow(tracker, 0.0, 0.1, 0.2)

    left = {track.id for tracks in seen for track in tracks if track.face.left_px < 200}
    assert left == {1}
    assert [sorted(ids(tracks)) for tracks in seen] == [[1, 2]] * 3


def test_who_bows_for_some_seconds_and_comes_back_in_the_same_place_is_the_same_person() -> None:
    script: list[list[Face]] = [[face(100)]] * 20 + [[]] * 50 + [[face(110)]] * 2
    tracker = FaceTracker(detect_every=1)

    *_, last = Script(*script).follow(tracker, *(step / 10 for step in range(72)))

    assert ids(last) == [1]


@pytest.mark.parametrize(
    ("away", "back"),
    [(105, face(100)), (50, face(150)), (50, face(200)), (50, face(100, size_px=140))],
    ids=["too late", "beside it", "elsewhere", "of another size"],
)
def test_who_comes_back_too_late_elsewhere_or_in_another_size_counts_again(away: int, back: Face) -> None:
    script: list[list[Face]] = [[face(100)]] * 20 + [[]] * away + [[back]] * 2
    tracker = FaceTracker(detect_every=1)

    *_, last = Script(*script).follow(tracker, *(step / 10 for step in range(len(script))))

    assert ids(last) == [2]


def test_two_who_pass_the_same_spot_seconds_apart_are_two_people() -> None:
    walk = [[face(40 * step)] for step in range(12)]
    script: list[list[Face]] = [*walk, *[[]] * 30, *walk]
    tracker = FaceTracker(detect_every=1)

    seen = Script(*script).follow(tracker, *(step / 10 for step in range(54)))

    assert {track.id for tracks in seen for track in tracks} == {1, 2}


@pytest.mark.parametrize(("step_px", "people"), [(1, {1}), (2, {1, 2})], ids=["still", "walking"])
def test_who_is_seen_now_and_then_in_one_place_is_one_person_unless_walking(step_px: int, people: set[int]) -> None:
    flash: list[list[Face]] = [[face(100)], [face(100 + step_px)], *[[]] * 20]

    seen = Script(*flash, *flash).follow(FaceTracker(detect_every=1), *(step / 10 for step in range(44)))

    assert {track.id for tracks in seen for track in tracks} == people
