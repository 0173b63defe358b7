"""The one softmax of the daemon, training and quantising."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.model.probabilities import softmax


def test_softmax_of_equal_logits_is_even_and_of_huge_ones_finite() -> None:
    assert softmax(np.zeros(4)).tolist() == [0.25] * 4
    assert softmax(np.array([1e4, 0.0])).tolist() == [1.0, 0.0]


def test_softmax_divides_by_the_temperature() -> None:
    first, second = softmax(np.array([2.0, 0.0]), 2.0)

    assert first / second == pytest.approx(math.e)


@given(st.lists(st.floats(-50, 50), min_size=7, max_size=7), st.floats(0.05, 20))
def test_softmax_is_a_distribution_that_keeps_the_order(logits: list[float], temperature: float) -> None:
    probabilities = softmax(np.array(logits), temperature)

    assert probabilities.sum() == pytest.approx(1)
    assert probabilities.max() == probabilities[int(np.argmax(logits))]
