"""What labelled images tell of a network: the order of its labels, and which of two ways to run it is better."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

Order: TypeAlias = npt.NDArray[np.intp]


def best_order(tops: npt.NDArray[np.integer[Any]], labels: npt.NDArray[np.integer[Any]], count: int) -> Order:
    """Which label each of ``count`` outputs stands for, so that as many images as possible are right.

    ``tops`` (n,) are the highest outputs, ``labels`` (n,) the true labels.
    """
    counts = np.zeros((count, count))
    np.add.at(counts, (tops, labels), 1)
    # The share of each class, not the count, so that a frequent class does not claim an output that is often wrong.
    counts /= np.maximum(counts.sum(axis=0), 1)
    return np.asarray(linear_sum_assignment(-counts)[1], np.intp)


def is_better(one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_], by: float = 0.0) -> bool:
    """Whether answers are right more often than others on the same images, by ``by`` and two standard errors more."""
    gain, error = _gain(one, other)
    return gain - by > 2 * error


def is_unclear(one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> bool:
    """Whether there are so few images that ten points of accuracy could be between two ways, and nobody can tell."""
    gain, error = _gain(one, other)
    return gain <= 2 * error and 2 * error > 0.1


def _gain(one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> tuple[float, float]:
    gains = one.astype(np.float64) - other.astype(np.float64)
    return float(gains.mean()), float(gains.std() / np.sqrt(len(gains)))
