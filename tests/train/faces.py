"""Faces of FER2013's form, made without a file: labels, annotators' votes and images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from train.data.fer2013 import FaceSet
from train.data.ferplus import VOTE_COLUMNS


def face_set(
    labels: Sequence[int],
    votes: Sequence[Mapping[str, int]] | None = None,
    pixels: npt.NDArray[np.uint8] | None = None,
    split: str = "PublicTest",
) -> FaceSet:
    """Faces with ``labels``; ``votes`` as for ``ballots``, images are coarse blocks unless given."""
    return FaceSet(
        split,
        blocks(len(labels)) if pixels is None else pixels,
        np.array(labels, np.uint8),
        np.arange(len(labels), dtype=np.int32),
        None if votes is None else ballots(votes),
    )


def ballots(votes: Sequence[Mapping[str, int]]) -> npt.NDArray[np.uint8]:
    """FER+'s votes (n, 10) from the columns of each face that have any."""
    return np.array([[vote.get(column, 0) for column in VOTE_COLUMNS] for vote in votes], np.uint8)


def blocks(count: int, seed: int = 0) -> npt.NDArray[np.uint8]:
    """Images (count, 48, 48) of coarse random blocks: no two look alike."""
    coarse = np.random.default_rng(seed).integers(0, 256, (count, 8, 8), dtype=np.uint8)
    return coarse.repeat(6, axis=1).repeat(6, axis=2)
