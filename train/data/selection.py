"""Selects faces of a data set: those to train on, or those that show some emotions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from edge.errors import ConfigError
from edge.labels import EMOTIONS
from train.data import ferplus
from train.data.duplicates import find_duplicates
from train.data.fer2013 import FaceSet

SUBSETS = {
    "5 emotions": tuple(emotion for emotion in EMOTIONS if emotion not in ("disgust", "neutral")),
    "4 emotions": ("happy", "sad", "surprise", "neutral"),
}
"""Emotions that systems with fewer classes know, to compare accuracy with theirs."""


def training_faces(faces: Mapping[str, FaceSet]) -> FaceSet:
    """The Training split without images in which annotators saw no face, and without those that another split has too.

    Raises:
        ConfigError: there is no Training split.
    """
    training = require_split(faces, "Training")
    keep: npt.NDArray[np.bool_] = np.ones(len(training), np.bool_)
    if training.votes is not None:
        keep &= ~ferplus.not_a_face(training.votes)
    for split, other in faces.items():
        if split != training.split and not training.distinct:
            keep &= ~find_duplicates(training.pixels, other.pixels)
    return training.select(keep)


def with_emotions(faces: FaceSet, emotions: Sequence[str]) -> FaceSet:
    """The faces labelled with one of ``emotions``, with their votes as if there had been no other choice."""
    shown = faces.select(np.isin(faces.labels, [faces.classes.index(emotion) for emotion in emotions]))
    return shown if shown.votes is None else replace(shown, votes=ferplus.restrict(shown.votes, emotions))


def require_split(faces: Mapping[str, FaceSet], split: str) -> FaceSet:
    """The faces of ``split``.

    Raises:
        ConfigError: the data set has no such split.
    """
    if split not in faces:
        raise ConfigError(f"the data has no {split} split; it has {', '.join(faces)}")
    return faces[split]
