"""What each head of the classifier should predict for a face."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge.labels import EMOTIONS
from train.data.fer2013 import FaceSet
from train.data.ferplus import distribution


def soft_targets(faces: FaceSet) -> npt.NDArray[np.float32]:
    """Target probabilities of each of ``HEADS``: float32 (n, 2, 7), the last axis in ``EMOTIONS`` order.

    The first head learns the distribution of FER+'s votes, or FER2013's label where no vote counts; the second head
    learns FER2013's label.
    """
    labels = np.eye(len(EMOTIONS), dtype=np.float32)[faces.labels]
    votes = labels if faces.votes is None else distribution(faces.votes)
    voted = votes.any(axis=1, keepdims=True)
    return np.stack([np.where(voted, votes, labels), labels], axis=1)
