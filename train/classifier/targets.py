"""What the network is to answer for each training face, and which faces it learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from edge.labels import EMOTIONS
from train.data import ferplus
from train.data.duplicates import find_duplicates
from train.data.fer2013 import FaceSet
from train.data.ferplus import distribution, not_a_face


def soft_targets(faces: FaceSet) -> npt.NDArray[np.float32]:
    """What each of ``HEADS`` is to answer: float32 (n, 2, 7), the last axis in ``EMOTIONS`` order and with sum 1.

    FER+'s vote distribution, or the FER2013 label where the votes leave none, and the FER2013 label.
    """
    labels = np.eye(len(EMOTIONS), dtype=np.float32)[faces.labels]
    votes = labels if faces.votes is None else distribution(faces.votes)
    voted = votes.any(axis=1, keepdims=True)
    return np.stack([np.where(voted, votes, labels), labels], axis=1)


def only(faces: FaceSet, emotions: Sequence[str]) -> FaceSet:
    """The faces labelled with one of ``emotions``, and their votes as if there had been no other choice."""
    shown = faces.select(np.isin(faces.labels, [EMOTIONS.index(emotion) for emotion in emotions]))
    return shown if shown.votes is None else replace(shown, votes=ferplus.only(shown.votes, emotions))


def training_mask(training: FaceSet, others: Sequence[FaceSet]) -> npt.NDArray[np.bool_]:
    """Which faces to train on: those that annotators saw as a face and that are in none of ``others``: bool (n,)."""
    keep = np.ones(len(training), np.bool_)
    if training.votes is not None:
        keep &= ~not_a_face(training.votes)
    for other in others:
        keep &= ~find_duplicates(training.pixels, other.pixels)
    return keep
