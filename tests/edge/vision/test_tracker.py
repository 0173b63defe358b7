"""Who is in view: when a detection is due, and which detections are the same person."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.records import Face, Frame, Track
from edge.vision.tracker import FaceTracker
from tests.support.tracking import FRAME, Script, face, ids, unsure


def test_a_face_is_confirmed_by_its_second_detection() -> None:
    script, tracker = Script([face(100)], [face(104)]), FaceTracker(detect_every=1)

    first, second = script.follow(tracker, 0.0, 0.1)

    assert first == (Track(1, face(100), confirmed=False),)
    assert second == (Track(1, face(104), confirmed=True),)


def test_a_single_false_face_is_never_confirmed() -> None:
    script, tracker = Script([face(100)]), FaceTracker(detect_every=1)

    seen = script.follow(tracker, *(step / 10 for step in range(20)))

    assert not any(track.confirmed for tracks in seen for track in tracks)


def test_false_faces_that_flash_up_now_and_then_or_here_and_there_are_never_confirmed() -> None:
    elsewhere = [[face(20 + 120 * (step % 5))] for step in range(20)]
    same_place = [[face(100)] if step % 5 == 0 else [] for step in range(20)]

    for detections in (elsewhere, same_place):
        script, tracker = Script(*detections), FaceTracker(detect_every=1, max_missing_s=1.0)
        seen = script.follow(tracker, *(step * 0.3 for step in range(20)))
        assert not any(track.confirmed for tracks in seen for track in tracks)


def test_the_detector_runs_on_every_nth_frame_and_boxes_are_carried_between() -> None:
    script = Script([face(100)], [face(120)], [face(140)])
    tracker = FaceTracker(detect_every=3)

    seen = script.follow(tracker, *(step / 10 for step in range(7)))

    assert script.detections == 3
    assert [track.face.left_px for (track,) in seen] == [100, 100, 100, 120, 120, 120, 140]


def test_with_few_frames_a_second_the_detector_runs_on_each() -> None:
    script = Script(*[[face(100)]] * 4)
    tracker = FaceTracker(detect_every=3, max_missing_s=1.0)

    seen = script.follow(tracker, 0.0, 5.0, 10.0, 15.0)

    assert script.detections == 4
    assert [ids(tracks) for tracks in seen] == [[1]] * 4


def test_a_detection_is_due_when_the_last_is_half_as_old_as_a_face_may_be_missing() -> None:
    script, tracker = Script(), FaceTracker(detect_every=10)

    detections = []
    for time_s in (0.0, 0.4, 0.5):
        script.follow(tracker, time_s)
        detections.append(script.detections)

    assert detections == [1, 1, 2]


def test_a_frame_of_another_shape_is_detected_at_once() -> None:
    script = Script([face(500)], [])
    tracker = FaceTracker(detect_every=10)
    script.follow(tracker, 0.0)

    (tracks,) = script.follow(tracker, 0.1, pixels=np.zeros((240, 320), np.uint8))

    assert script.detections == 2
    assert tracks == ()


def test_the_nearer_of_two_faces_takes_the_track() -> None:
    script, tracker = Script([face(100)], [face(150), face(105)]), FaceTracker(detect_every=1)

    _, second = script.follow(tracker, 0.0, 0.1)

    assert {track.face.left_px: track.id for track in second} == {105: 1, 150: 2}


@pytest.mark.parametrize(
    ("before", "moved", "resized"),
    [(face(100), face(112), face(85, 85, size_px=90)), (face(85, 85, 90), face(103, 85, 90), face(100))],
    ids=["beside a larger one", "beside a smaller one"],
)
def test_a_face_that_moved_a_little_takes_the_track_before_one_of_another_size(
    before: Face, moved: Face, resized: Face
) -> None:
    script, tracker = Script([before], [resized, moved]), FaceTracker(detect_every=1)

    _, second = script.follow(tracker, 0.0, 0.1)

    assert {track.face: track.id for track in second} == {moved: 1, resized: 2}


@pytest.mark.parametrize(
    ("then", "same"),
    [
        (face(100), True),
        (face(140), True),
        (face(204), True),
        (face(205), False),
        (face(240), False),
        (face(100, top_px=1), True),
        (face(100, top_px=204), True),
        (face(100, top_px=205), False),
        (face(100, top_px=240), False),
        (face(115, top_px=115, size_px=30), True),
        (face(85, top_px=85, size_px=100), True),
        (face(60, top_px=60, size_px=140), False),
        (face(115, top_px=115, size_px=25), False),
    ],
    ids=[
        "still",
        "overlapping",
        "almost as far as a walk",
        "farther than a walk",
        "too far",
        "almost as far up",
        "almost as far down",
        "farther down",
        "too far down",
        "half as large",
        "nearer",
        "far larger",
        "far smaller",
    ],
)
def test_faces_belong_together_when_they_are_close_and_of_like_size(then: Face, same: bool) -> None:
    script, tracker = Script([face(100)], [then]), FaceTracker(detect_every=1)

    _, second = script.follow(tracker, 0.0, 0.1)

    assert (ids(second) == [1]) is same


def test_the_surest_faces_are_followed_where_there_are_too_many() -> None:
    crowd = [face(left_px, size_px=20) for left_px in range(0, 600, 60)]
    script, tracker = Script(crowd), FaceTracker(detect_every=1, max_tracks=4)

    (seen,) = script.follow(tracker, 0.0)

    assert [track.face for track in seen] == crowd[:4]


def test_at_most_64_faces_are_followed_unless_told_otherwise() -> None:
    script, tracker = Script([face(left_px, size_px=5) for left_px in range(0, 650, 10)]), FaceTracker()

    (seen,) = script.follow(tracker, 0.0)

    assert len(seen) == 64


FACES = st.lists(st.builds(face, st.integers(0, 500), st.integers(0, 350), st.integers(1, 120)), max_size=5)


@given(st.lists(FACES, max_size=12), st.integers(1, 4))
def test_ids_are_unique_in_a_frame_and_new_ones_only_grow(detections: list[list[Face]], detect_every: int) -> None:
    script, tracker = Script(*detections), FaceTracker(detect_every=detect_every)
    highest = 0

    for tracks in script.follow(tracker, *(step / 10 for step in range(12))):
        fresh = [number for number in ids(tracks) if number > highest]
        highest = max([highest, *fresh])

        assert len(set(ids(tracks))) == len(tracks)
        assert fresh == sorted(fresh)
        assert all(not track.confirmed for track in tracks if track.id in fresh)


def test_a_false_face_that_flashed_up_once_is_not_remembered_for_long() -> None:
    script: list[list[Face]] = [[face(100)], *[[]] * 30, [face(100)]]
    tracker = FaceTracker(detect_every=1)

    *_, last = Script(*script).follow(tracker, *(step / 10 for step in range(32)))

    assert last == (Track(2, face(100), confirmed=False),)


def test_a_confirmed_face_that_gets_uncertain_is_followed() -> None:
    script = Script([face(100)], [face(102)], [unsure(106)], [unsure(112)], [face(114)])

    *_, uncertain, still, sure = script.follow(FaceTracker(detect_every=1), *(step / 10 for step in range(5)))

    assert uncertain == (Track(1, unsure(106), confirmed=True),)
    assert still == (Track(1, unsure(112), confirmed=True),)
    assert sure == (Track(1, face(114), confirmed=True),)


@pytest.mark.parametrize(
    "script",
    [
        [[unsure(100)], [unsure(100)], [unsure(100)]],
        [[face(100)], [unsure(100)], [unsure(100)]],
        [[face(100)], [face(100)], [], [unsure(100)]],
        [[face(100)], [face(100)], [unsure(135)]],
        [[face(100)], [face(100)], [unsure(100, size_px=29)]],
    ],
    ids=["never sure", "not confirmed", "lost before", "beside it", "of another size"],
)
def test_an_uncertain_face_neither_begins_confirms_nor_finds_a_track_again(script: list[list[Face]]) -> None:
    *_, last = Script(*script).follow(FaceTracker(detect_every=1), *(step / 10 for step in range(len(script))))

    assert last == ()


def test_a_sure_face_continues_a_track_before_an_uncertain_one() -> None:
    script = Script([face(100)], [face(100)], [face(120), unsure(100)])

    *_, last = script.follow(FaceTracker(detect_every=1), 0.0, 0.1, 0.2)

    assert last == (Track(1, face(120), confirmed=True),)


def test_uncertain_faces_keep_no_more_tracks_than_are_followed_at_once() -> None:
    pair = [face(100), face(300)]
    script = Script(pair, pair, [face(500), unsure(100), unsure(300)])

    *_, last = script.follow(FaceTracker(detect_every=1, max_tracks=2), 0.0, 0.1, 0.2)

    assert [track.face.left_px for track in last] == [500, 100]


def test_an_uncertain_face_is_followed_for_ten_seconds_after_it_was_sure() -> None:
    sure, doubts = [[face(100)]] * 6, [[unsure(100)]] * 12
    tracker = FaceTracker(detect_every=1)

    seen = Script(*sure, *doubts).follow(tracker, *(1000.0 + second for second in range(18)))

    assert [len(tracks) for tracks in seen] == [1] * 16 + [0] * 2


def test_after_the_camera_was_closed_the_first_frame_is_detected_at_once() -> None:
    tracker = FaceTracker(detect_every=3)
    Script([face(100)]).follow(tracker, 1000.0)

    tracker.forget()

    assert tracker.detection_due(Frame(1, 1000.1, FRAME))
