"""Logits -> probabilities: the one softmax of the daemon, training and quantising. Needs numpy only."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def softmax(logits: npt.ArrayLike, temperature: float = 1.0) -> npt.NDArray[np.float64]:
    """Probabilities of ``logits`` / ``temperature`` along the last axis; above 1 flattens, below 1 sharpens.

    In float64 on the host: an int8 softmax has steps of 1/256 and loses the tail.
    """
    scaled = np.asarray(logits, np.float64) / temperature
    exponentials = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    probabilities: npt.NDArray[np.float64] = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return probabilities
