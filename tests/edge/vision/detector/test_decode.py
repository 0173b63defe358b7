"""Decoding a detector's maps: where a cell's box lies, and that each face is named once."""

from __future__ import annotations

import numpy as np
import pytest

from edge.vision.detector.decode import CANDIDATES, Boxes, decode, overlaps, suppress

STRIDES = (8, 16)
SHAPES = ((24, 32), (12, 16))
SURE, ABSENT = 4.0, -9.0


def maps() -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Maps of an input of 256x192 on which nothing is found."""
    logits = [np.full((*shape, 1), ABSENT, np.float32) for shape in SHAPES]
    return logits, [np.zeros((*shape, 4), np.float32) for shape in SHAPES]


def test_a_cell_predicts_a_box_around_its_centre() -> None:
    logits, logs = maps()
    logits[1][2, 3] = SURE
    logs[1][2, 3] = np.log([0.5, 1, 1.5, 2])

    boxes = decode(logits, logs, STRIDES, 0.5)

    np.testing.assert_allclose(boxes.sides, [[56 - 8, 40 - 16, 56 + 24, 40 + 32]], rtol=1e-6)
    np.testing.assert_allclose(boxes.scores, [1 / (1 + np.exp(-SURE))], rtol=1e-6)


def test_an_empty_image_has_no_face() -> None:
    boxes = decode(*maps(), STRIDES, 0.5)

    assert len(boxes) == 0
    assert boxes.sides.shape == (0, 4)


def test_maps_without_a_channel_axis_say_the_same() -> None:
    logits, logs = maps()
    logits[0][5, 6] = SURE

    with_axis = decode(logits, logs, STRIDES, 0.5)
    without = decode([logit[..., 0] for logit in logits], logs, STRIDES, 0.5)

    np.testing.assert_array_equal(with_axis.sides, without.sides)


@pytest.mark.parametrize(("threshold", "found"), [(0.2, 2), (0.5, 1), (0.95, 0)])
def test_the_threshold_is_a_probability(threshold: float, found: int) -> None:
    logits, logs = maps()
    logits[0][2, 2] = 2.0  # 0.88
    logits[0][20, 20] = -1.0  # 0.27

    assert len(decode(logits, logs, STRIDES, threshold)) == found


def test_a_face_that_two_maps_see_is_named_once_and_by_the_surer() -> None:
    logits, logs = maps()
    logits[0][5, 5], logits[1][2, 2] = 1.0, SURE
    logs[0][5, 5] = np.log([2.5, 2.5, 1.5, 1.5])  # 24..56, as below
    logs[1][2, 2] = np.log([1, 1, 1, 1])

    boxes = decode(logits, logs, STRIDES, 0.5)

    np.testing.assert_allclose(boxes.sides, [[24, 24, 56, 56]], rtol=1e-6)
    np.testing.assert_allclose(boxes.scores, [1 / (1 + np.exp(-SURE))], rtol=1e-6)


def test_neighbours_that_overlap_a_little_are_two_faces() -> None:
    sides = np.array([[0, 0, 20, 20], [12, 0, 32, 20], [1, 1, 21, 21]], np.float32)

    kept = suppress(Boxes(sides, np.array([0.9, 0.8, 0.7], np.float32)))

    np.testing.assert_array_equal(kept.sides, sides[:2])


def test_a_suppressed_box_suppresses_nothing() -> None:
    sides = np.array([[0, 0, 20, 20], [7, 0, 27, 20], [14, 0, 34, 20]], np.float32)

    kept = suppress(Boxes(sides, np.array([0.9, 0.8, 0.7], np.float32)))

    np.testing.assert_array_equal(kept.sides, sides[[0, 2]])


def test_a_part_of_a_better_face_is_no_face_and_a_child_before_it_is_one() -> None:
    face, eye, child = [0, 0, 100, 120], [20, 40, 40, 64], [25, 55, 80, 121]
    behind = [80, 0, 120, 48]  # half hidden

    found = Boxes(np.array([face, eye, child, behind], np.float32), np.array([0.9, 0.8, 0.7, 0.6], np.float32))
    kept = suppress(found, 0.4, 0.8)

    np.testing.assert_array_equal(kept.sides, [face, child, behind])


def test_overlap_is_intersection_over_union() -> None:
    ours = np.array([[0, 0, 10, 10]], np.float32)
    theirs = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [10, 10, 20, 20]], np.float32)

    np.testing.assert_allclose(overlaps(ours, theirs), [[1, 1 / 3, 0]], rtol=1e-6)


def test_boxes_without_bounds_and_maps_full_of_faces_stay_finite() -> None:
    logits = [np.full((*shape, 1), SURE, np.float32) for shape in SHAPES]
    logs = [np.full((*shape, 4), 100, np.float32) for shape in SHAPES]

    boxes = decode(logits, logs, STRIDES, 0.5)

    assert np.isfinite(boxes.sides).all()
    assert 1 <= len(boxes) <= CANDIDATES
