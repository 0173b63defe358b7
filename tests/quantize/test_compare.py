from __future__ import annotations

import numpy as np
import pytest

from edge.errors import ModelError
from quantize.compare import Logits, best_temperature, compare
from train.fer2013 import FaceSet


def face_set(labels: list[int]) -> FaceSet:
    """Faces without pixels."""
    n = len(labels)
    return FaceSet(
        "PublicTest", np.zeros((n, 48, 48), np.uint8), np.array(labels, np.uint8), np.arange(n, dtype=np.int32)
    )


def decided(answers: list[int]) -> Logits:
    """Logits with each answer on top."""
    return np.asarray(5 * np.eye(7)[answers], np.float32)


def test_a_comparison_counts_lost_points_agreement_and_logit_errors() -> None:
    comparison = compare(decided([0, 1, 2, 3]), decided([0, 1, 2, 4]) + np.float32(0.5), face_set([0, 1, 5, 3]))

    assert comparison.lost == pytest.approx(0.25)
    assert comparison.agreement == 0.75
    assert comparison.largest_logit_error == pytest.approx(5.5)


def test_calibration_errors_are_told_before_and_after_the_temperature() -> None:
    overconfident = decided([0] * 60 + [1] * 40)

    comparison = compare(overconfident, overconfident, face_set([0] * 100), temperature=10)

    before, (in_float, in_int8) = comparison.quantised.fer2013.calibration_error, comparison.calibration_errors
    assert before == pytest.approx(0.961 - 0.6, abs=0.001)
    assert in_float == in_int8 == pytest.approx(0.6 - 0.216, abs=0.001)


def test_the_gate_lets_an_equal_file_pass() -> None:
    compare(decided([0, 1]), decided([0, 1]), face_set([0, 1])).check()


def test_the_gate_stops_a_file_that_loses_more_than_half_a_point() -> None:
    right, wrong = [0] * 1000, [0] * 994 + [1] * 6

    compare(decided(right), decided([0] * 996 + [1] * 4), face_set(right)).check()
    with pytest.raises(ModelError, match=r"loses 0.60 points on PublicTest, accepted are 0.5;"):
        compare(decided(right), decided(wrong), face_set(right)).check()


def test_the_gate_stops_a_file_that_answers_otherwise_however_right() -> None:
    before, after = [0] * 96 + [1] * 4, [0] * 96 + [2] * 4

    with pytest.raises(ModelError, match=r"agrees with float on 96.00 % of PublicTest, accepted are 97 %"):
        compare(decided(before), decided(after), face_set(after)).check()


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_the_temperature_that_made_logits_overconfident_is_found_again(temperature: float) -> None:
    random = np.random.RandomState(2)
    honest = random.normal(0, 1.5, (4000, 7))
    labels = (honest + random.gumbel(size=honest.shape)).argmax(axis=1).astype(np.uint8)

    found = best_temperature((honest * temperature).astype(np.float32), labels)

    assert found == pytest.approx(temperature, rel=0.07)
