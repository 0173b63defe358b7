"""What each head of the classifier should predict for a face."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from train.data.fer2013 import FaceSet
from train.data.ferplus import distribution
from train.run.saved import head_names


def soft_targets(faces: FaceSet) -> npt.NDArray[np.float32]:
    """Target probabilities of each head: float32 (n, heads, classes).

    For ``EMOTIONS`` the first head learns the distribution of FER+'s votes, or FER2013's label where no vote counts,
    and the second FER2013's label. The only head of other labels learns those.
    """
    labels = np.eye(len(faces.classes), dtype=np.float32)[faces.labels]
    if len(head_names(faces.classes)) == 1:
        return labels[:, np.newaxis]
    votes = labels if faces.votes is None else distribution(faces.votes)
    voted = votes.any(axis=1, keepdims=True)
    return np.stack([np.where(voted, votes, labels), labels], axis=1)
