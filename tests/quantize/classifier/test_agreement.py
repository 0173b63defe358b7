from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edge.errors import ModelError
from edge.labels import EMOTIONS
from edge.records import Pixels
from quantize.classifier.agreement import best_temperatures, compare, float_logits
from train.classifier.evaluate import Logits
from train.data.fer2013 import FaceSet
from train.data.ferplus import VOTE_COLUMNS


def face_set(labels: list[int], happy_votes: list[int] | None = None) -> FaceSet:
    """Faces without pixels; of ten votes each, ``happy_votes`` are for happy and the rest for surprise."""
    n = len(labels)
    votes = np.zeros((n, len(VOTE_COLUMNS)), np.uint8)
    votes[:, VOTE_COLUMNS.index("happiness")] = happy_votes or 0
    votes[:, VOTE_COLUMNS.index("surprise")] = 10 - votes[:, VOTE_COLUMNS.index("happiness")]
    return FaceSet(
        "PublicTest",
        np.zeros((n, 48, 48), np.uint8),
        np.array(labels, np.uint8),
        np.arange(n, dtype=np.int32),
        votes if happy_votes else None,
    )


def decided(fer2013: list[int], ferplus: list[int] | None = None) -> Logits:
    """Logits with the given emotions on top, for both heads alike unless ``ferplus`` is given."""
    return np.asarray(5 * np.eye(7)[[ferplus or fer2013, fer2013]], np.float32).swapaxes(0, 1)


def test_a_comparison_counts_lost_points_agreement_and_logit_errors() -> None:
    comparison = compare(decided([0, 1, 2, 3]), decided([0, 1, 2, 4]) + np.float32(0.5), face_set([0, 1, 5, 3]))

    assert comparison.lost == pytest.approx(0.25)
    assert comparison.agreement == 0.75
    assert comparison.largest_logit_error == pytest.approx(5.5)


def test_calibration_errors_are_measured_before_and_after_the_temperature() -> None:
    overconfident = decided([0] * 60 + [1] * 40)

    comparison = compare(overconfident, overconfident, face_set([0] * 100), {"ferplus": 1, "fer2013": 10})

    before, (in_float, in_int8) = (
        comparison.quantised.fer2013.calibration_error,
        comparison.calibrated["fer2013"].errors,
    )
    assert before == pytest.approx(0.961 - 0.6, abs=0.001)
    assert in_float == in_int8 == pytest.approx(0.6 - 0.216, abs=0.001)


def test_the_head_for_votes_is_as_sure_as_annotators_agree() -> None:
    happy, surprise = EMOTIONS.index("happy"), EMOTIONS.index("surprise")
    logits = np.full((4, 2, 7), -20, np.float32)
    logits[..., happy], logits[..., surprise] = np.log(0.6), np.log(0.4)

    comparison = compare(logits, logits, face_set([happy] * 4, [6] * 4))

    assert comparison.calibrated["ferplus"].errors == pytest.approx((0, 0), abs=1e-6)
    assert comparison.calibrated["fer2013"].errors == pytest.approx((0.4, 0.4), abs=1e-6)


def test_the_gate_lets_an_equal_file_pass() -> None:
    compare(decided([0, 1]), decided([0, 1]), face_set([0, 1])).check()


def test_the_gate_stops_a_file_that_loses_more_than_half_a_point() -> None:
    right, wrong = [0] * 1000, [0] * 994 + [1] * 6

    compare(decided(right), decided([0] * 996 + [1] * 4), face_set(right)).check()
    with pytest.raises(
        ModelError, match=r"loses 0.60 points on PublicTest, at most 0.5 are allowed; see the noisiest layer"
    ):
        compare(decided(right), decided(wrong), face_set(right)).check()


def test_the_gate_stops_a_file_that_loses_what_annotators_saw() -> None:
    happy, sad = EMOTIONS.index("happy"), EMOTIONS.index("sad")
    faces, right = face_set([happy] * 1000, [10] * 1000), [happy] * 1000

    with pytest.raises(ModelError, match=r"loses 0.60 points"):
        compare(decided(right), decided(right, [happy] * 994 + [sad] * 6), faces).check()


def test_the_gate_stops_a_file_with_other_emotions_on_top_however_right() -> None:
    before, after = [0] * 96 + [1] * 4, [0] * 96 + [2] * 4

    with pytest.raises(ModelError, match=r"agrees with float on 96.00 % of PublicTest, at least 97 % are needed"):
        compare(decided(before), decided(after), face_set(after)).check()


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_the_temperature_that_made_logits_overconfident_is_found_again(temperature: float) -> None:
    random = np.random.RandomState(2)
    honest = random.normal(0, 1.5, (4000, 7))
    labels = (honest + random.gumbel(size=honest.shape)).argmax(axis=1).astype(np.uint8)

    logits = np.stack([honest, honest * temperature], axis=1).astype(np.float32)

    found = best_temperatures(logits, face_set(labels.tolist()))

    assert found == pytest.approx({"ferplus": 1.0, "fer2013": temperature}, rel=0.07)


def test_float_logits_are_those_of_the_model(network: Any, pixels: Pixels) -> None:
    logits = float_logits(network, pixels[:3])

    heads = network(pixels[:3, ..., np.newaxis].astype(np.float32), training=False)
    assert np.allclose(logits, np.stack(heads, axis=1), atol=1e-5)
