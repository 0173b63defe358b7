"""Boxes against faces."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from edge.vision.detector.decode import Boxes
from train.detector.metrics import MIN_SCORE, Matches, match_boxes

BIG, SMALL = [0, 0, 40, 50], [100, 100, 112, 115]


def boxes(*rows: tuple[Sequence[float], float]) -> Boxes:
    return Boxes(
        np.array([sides for sides, _ in rows], np.float32).reshape(-1, 4),
        np.array([score for _, score in rows], np.float32),
    )


def faces(*sides: Sequence[float]) -> np.ndarray:
    return np.array(sides, np.float32).reshape(-1, 4)


def test_a_face_is_found_once_and_a_second_box_on_it_is_false() -> None:
    matched = match_boxes([(boxes((BIG, 0.9), ([2, 2, 42, 52], 0.8)), faces(BIG))], least_px=20)

    assert matched.hits.tolist() == [True, False]
    assert matched.best_scores.tolist() == pytest.approx([0.9])
    assert matched.false_positives(0.5) == 1


def test_a_box_beside_a_face_is_false_and_the_face_missed() -> None:
    matched = match_boxes([(boxes(([30, 40, 70, 90], 0.9)), faces(BIG))], least_px=20)

    assert matched.hits.tolist() == [False]
    assert matched.recall(0) == 0


def test_faces_too_small_to_count_may_be_found() -> None:
    matched = match_boxes([(boxes((SMALL, 0.9), (BIG, 0.8)), faces(BIG, SMALL))], least_px=20)

    assert matched.hits.tolist() == [True]
    assert matched.heights_px.tolist() == [50]
    assert matched.false_positives(0.1) == 0


def test_a_box_too_low_to_count_is_not_false() -> None:
    low, tall = [200, 200, 212, 219], [300, 200, 312, 221]

    matched = match_boxes([(boxes((low, 0.9), (tall, 0.8)), faces(BIG))], least_px=20)

    assert matched.scores.tolist() == pytest.approx([0.8])
    assert matched.false_positives(0.1) == 1


def test_recall_counts_the_heights_that_are_asked_for() -> None:
    tall = [200, 0, 300, 130]
    matched = match_boxes([(boxes((BIG, 0.9)), faces(BIG, tall))], least_px=20)

    assert matched.recall(0.5) == 0.5
    assert matched.recall(0.5, 20, 80) == 1
    assert matched.recall(0.5, 80) == 0
    assert matched.recall(0.95, 20, 80) == 0
    assert math.isnan(matched.recall(0.5, 300))


def test_the_height_of_a_box_is_measured_against_its_face() -> None:
    short = [100, 100, 200, 190]
    matched = match_boxes([(boxes((short, 0.9)), faces([100, 100, 200, 200]))], least_px=20)

    assert matched.scale(0.5) == pytest.approx(0.9)
    assert matched.scale_error(0.5) == pytest.approx(0.1)
    assert math.isnan(matched.scale(0.95))


def matched(scores: list[float], hits: list[bool], faces: int, pictures: int = 10) -> Matches:
    found = np.array([score for score, hit in zip(scores, hits, strict=True) if hit] + [0] * faces)[:faces]
    return Matches(
        pictures,
        np.array(scores, np.float32),
        np.array(hits, bool),
        np.full(faces, 50, np.float32),
        found.astype(np.float32),
        np.ones(faces, np.float32),
    )


@pytest.mark.parametrize(
    ("scores", "hits", "faces", "expected"),
    [
        ([0.9, 0.8], [True, True], 2, 1.0),
        ([0.9, 0.8], [True, True], 4, 0.5),
        ([0.9, 0.8], [False, True], 1, 0.5),
        ([0.9, 0.8, 0.7], [True, False, True], 2, 0.5 + 0.5 * 2 / 3),
        ([], [], 3, 0.0),
    ],
)
def test_average_precision(scores: list[float], hits: list[bool], faces: int, expected: float) -> None:
    assert matched(scores, hits, faces).average_precision() == pytest.approx(expected)


@pytest.mark.parametrize("allowed", [0, 0.1, 0.2, 0.3])
def test_the_threshold_lets_through_as_many_false_faces_as_allowed(allowed: float) -> None:
    wrong = matched([0.9, 0.7, 0.6, 0.5], [False] * 4, 0)

    assert wrong.false_positives(wrong.threshold(allowed)) == pytest.approx(allowed)


def test_without_false_faces_the_threshold_is_the_lowest_score() -> None:
    assert matched([0.3], [True], 1).threshold(0.05) == MIN_SCORE
    assert match_boxes([], 20).threshold(0.05) == MIN_SCORE
