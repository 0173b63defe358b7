import numpy as np
import pytest

from edge.vision.detector.yunet import _turn


@pytest.mark.parametrize(
    ("eyes_and_nose", "turn"),
    [
        ([10, 20, 30, 20, 20, 30], 0.0),
        ([10, 20, 30, 20, 30, 30], 0.5),
        ([10, 20, 30, 20, 10, 30], 0.5),
        ([10, 10, 30, 30, 15, 25], 0.0),  # a head that leans to its shoulder looks ahead
        ([10, 20, 10, 20, 10, 30], 0.0),  # no eyes to measure by
    ],
)
def test_a_turn_is_how_far_the_nose_is_from_between_the_eyes(eyes_and_nose: list[float], turn: float) -> None:
    row = np.array([0, 0, 40, 50, *eyes_and_nose, 0, 0, 0, 0, 0.9], np.float32)

    assert _turn(row) == pytest.approx(turn, abs=1e-6)
