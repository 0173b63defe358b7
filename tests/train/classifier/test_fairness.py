"""Fairness: intervals as published, differences that are there and not those that only seem to be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge.errors import DataError
from edge.labels import EMOTIONS
from tests.train.faces import face_set
from train.classifier.fairness import (
    MISSED,
    Fairness,
    Group,
    Whole,
    measure,
    measure_faces,
    measure_photographs,
    table,
)
from train.classifier.metrics import wilson
from train.classifier.pipeline import Answer
from train.classifier.plots import save_fairness

HAPPY, SAD, NEUTRAL = (EMOTIONS.index(name) for name in ("happy", "sad", "neutral"))


def people(group: str, emotion: int, faces: int, right: int) -> tuple[list[str], Whole, Whole]:
    """So many faces of a group that show an emotion, of which so many are named right and the others neutral or sad."""
    other = SAD if emotion == NEUTRAL else NEUTRAL
    return [group] * faces, np.full(faces, emotion), np.array([emotion] * right + [other] * (faces - right))


def compare(*crowds: tuple[list[str], Whole, Whole], detected: bool = False) -> Fairness:
    groups, labels, predicted = zip(*crowds, strict=True)
    values = [value or None for crowd in groups for value in crowd]
    return measure("m", "age", values, np.concatenate(labels), np.concatenate(predicted), detected=detected)


def of(result: Fairness, name: str) -> Group:
    (group,) = [group for group in result.groups if group.name == name]
    return group


@pytest.mark.parametrize(
    ("hits", "faces", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_intervals_are_those_of_the_literature(hits: int, faces: int, low: float, high: float) -> None:
    """Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I, method 3."""
    assert wilson(hits, faces) == pytest.approx((low, high), abs=5e-5)


def test_of_nothing_nothing_is_known() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


def test_a_group_that_is_read_worse_is_called_worse_and_the_other_better() -> None:
    result = compare(people("young", HAPPY, 500, 450), people("old", HAPPY, 500, 380))

    old, young = of(result, "old"), of(result, "young")
    assert (old.verdict, young.verdict) == ("worse", "better")
    assert (old.accuracy.value, old.expected) == (0.76, 0.83)
    assert old.recall["happy"] == old.accuracy
    assert old.p < 0.001


def test_a_group_that_smiles_more_is_not_better_read() -> None:
    result = compare(
        people("cheerful", HAPPY, 900, 855),
        people("cheerful", SAD, 100, 60),
        people("grave", HAPPY, 100, 95),
        people("grave", SAD, 900, 540),
    )

    cheerful, grave = of(result, "cheerful"), of(result, "grave")
    assert (cheerful.accuracy.value, grave.accuracy.value) == (0.915, 0.635)
    assert (cheerful.expected, grave.expected) == pytest.approx((0.915, 0.635))
    assert {group.verdict for group in result.groups} == {"no difference"}
    assert cheerful.p == grave.p == 1.0


def test_a_small_group_is_not_called_equal() -> None:
    result = compare(people("many", HAPPY, 2000, 1800), people("few", HAPPY, 20, 18))

    assert of(result, "few").verdict == "too few faces"
    assert of(result, "many").verdict == "no difference"


def test_a_small_group_with_a_large_difference_is_told() -> None:
    result = compare(people("many", HAPPY, 2000, 1800), people("few", HAPPY, 40, 10))

    assert of(result, "few").verdict == "worse"


def test_chance_alone_is_seldom_called_a_difference() -> None:
    """The error over all groups together stays near 5 %: five groups, 400 times."""
    random, alarms = np.random.default_rng(0), 0
    for _ in range(400):
        labels = random.integers(0, 7, 1000)
        right = random.random(1000) < 0.3 + 0.1 * labels
        predicted = np.where(right, labels, (labels + 1) % 7)
        values: list[str | None] = random.choice([*"abcde"], 1000).tolist()
        result = measure("m", "c", values, labels, predicted)
        alarms += any(group.verdict in ("better", "worse") for group in result.groups)

    assert alarms / 400 < 0.08


def test_a_bootstrap_interval_holds_the_figure_and_shrinks_with_the_faces() -> None:
    few, many = (
        of(compare(people("a", HAPPY, 4 * n, 3 * n), people("a", SAD, 4 * n, 2 * n), people("b", SAD, 9, 1)), "a")
        for n in (10, 1000)
    )

    assert few.macro_f1.value == pytest.approx(many.macro_f1.value)
    assert few.macro_f1.low < few.macro_f1.value < few.macro_f1.high
    widths = [group.macro_f1.high - group.macro_f1.low for group in (few, many)]
    assert 5 < widths[0] / widths[1] < 20


def test_a_face_that_was_not_found_is_wrong_and_counted() -> None:
    missed = (["old"] * 50, np.full(50, HAPPY), np.full(50, MISSED))

    result = compare(people("young", HAPPY, 100, 100), people("old", HAPPY, 50, 50), missed, detected=True)

    assert (of(result, "old").found, of(result, "young").found) == (0.5, 1.0)
    assert of(result, "old").accuracy.value == 0.5
    assert "a face found on 50.0%" in table(result)


def test_faces_without_a_value_are_left_out_and_counted() -> None:
    result = compare(people("a", HAPPY, 10, 9), people("b", HAPPY, 10, 9), people("", SAD, 7, 0))

    assert (result.without, result.accuracy.faces) == (7, 20)
    assert "7 without age are left out" in table(result)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([None] * 60, "has none"),
        (["a"] * 60, "has only 'a'"),
        ([f"{number}" for number in range(60)], "has 60 of them"),
    ],
)
def test_a_column_that_makes_no_groups_is_refused(values: list[str | None], told: str) -> None:
    with pytest.raises(DataError, match=f"column age: needs 2 to 50 different values to compare, and {told}"):
        measure("m", "age", values, np.zeros(60, np.int64), np.zeros(60, np.int64))


def test_with_votes_the_faces_that_annotators_agree_on_are_compared_with_their_head() -> None:
    faces = face_set([HAPPY] * 4, [{"happiness": 10}, {"contempt": 10}, {"happiness": 5, "sadness": 5}, {"sadness": 9}])
    logits = np.zeros((4, 2, 7), np.float32)
    logits[:, 0, [HAPPY]], logits[:, 1, [SAD]] = 1, 1  # of the votes, of the labels

    result = measure_faces("m", "c", {"0": "x", "1": "x", "2": "y", "3": "y"}, faces, logits)

    assert [(group.name, group.accuracy.value, group.accuracy.faces) for group in result.groups] == [
        ("x", 0.5, 2),
        ("y", 0.0, 1),
    ]


def test_photographs_are_named_by_path_or_by_name() -> None:
    answers = [
        Answer("happy/1.jpg", "happy", "happy"),
        Answer("sad/1.jpg", "sad", None),
        Answer("sad/2.jpg", "sad", "sad"),
        Answer("sad/3.jpg", "sad", None, "is no picture that can be decoded"),
    ]
    values = {"happy/1.jpg": "x", "sad/1.jpg": "y", "2.jpg": "y", "3.jpg": "y"}

    result = measure_photographs("m", "c", values, answers)

    assert [(group.name, group.accuracy.value, group.found) for group in result.groups] == [
        ("x", 1.0, 1.0),
        ("y", 0.5, 0.5),
    ]


def test_the_picture_has_a_line_for_each_group(tmp_path: Path) -> None:
    result = compare(people("young", HAPPY, 500, 450), people("old", HAPPY, 500, 380), people("child", HAPPY, 9, 8))

    save_fairness(result, tmp_path / "groups.png")

    assert (tmp_path / "groups.png").stat().st_size > 10_000
