from __future__ import annotations

import numpy as np

from train.foreign.evidence import best_order, is_better, is_unclear


def test_the_order_of_the_labels_is_that_with_which_most_faces_are_right() -> None:
    order = best_order(np.array([2, 2, 0, 0, 1, 0]), np.array([0, 0, 1, 1, 2, 2]), 3)

    assert order.tolist() == [1, 2, 0]


def test_two_ways_are_told_apart_only_with_enough_images() -> None:
    good, poor = np.array([True, True, True, False, True]), np.array([True, False, True, True, False])

    assert not is_better(good, poor)
    assert is_unclear(good, poor)
    assert is_better(np.tile(good, 40), np.tile(poor, 40))
    assert not is_unclear(np.tile(good, 400), np.tile(good, 400))
