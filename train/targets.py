"""What the network is to answer for each training face, and which faces it learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from edge.contract import EMOTIONS
from train import ferplus
from train.duplicates import found_again
from train.fer2013 import FaceSet
from train.ferplus import distribution, not_a_face


def soft_targets(faces: FaceSet, label_share: float) -> npt.NDArray[np.float32]:
    """FER+'s vote distribution mixed with the FER2013 label: float32 (n, 7) in ``EMOTIONS`` order, rows sum to 1.

    Args:
        faces: n faces; without votes the label is the whole target.
        label_share: weight of the label, 0..1; the votes have the rest. A face whose votes leave no distribution is
            told by its label alone.
    """
    if not 0 <= label_share <= 1:
        raise ValueError(f"label_share is {label_share}, expected 0..1")
    labels = np.eye(len(EMOTIONS), dtype=np.float32)[faces.labels]
    if faces.votes is None:
        return labels
    votes = distribution(faces.votes)
    share = np.where(votes.any(axis=1, keepdims=True), label_share, 1.0)
    return (share * labels + (1 - share) * votes).astype(np.float32)


def only(faces: FaceSet, emotions: Sequence[str]) -> FaceSet:
    """The faces labelled with one of ``emotions``, and their votes as if there had been no other choice."""
    shown = faces.select(np.isin(faces.labels, [EMOTIONS.index(emotion) for emotion in emotions]))
    return shown if shown.votes is None else replace(shown, votes=ferplus.only(shown.votes, emotions))


def keep_mask(training: FaceSet, others: Sequence[FaceSet]) -> npt.NDArray[np.bool_]:
    """Which faces to train on: those that annotators saw as a face and that are in none of ``others``: bool (n,)."""
    keep = np.ones(len(training), np.bool_)
    if training.votes is not None:
        keep &= ~not_a_face(training.votes)
    for other in others:
        keep &= ~found_again(training.pixels, other.pixels)
    return keep
