"""FER+: votes of ten annotators on each image of FER2013.

Barsoum et al., "Training Deep Networks for Facial Expression Recognition with Crowd-Sourced Label Distribution",
ICMI 2016. The rows of ``fer2013new.csv`` belong to those of ``fer2013.csv`` in the same order; there is no other key
(the image name is empty where the annotators saw no face).
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.errors import DataError
from edge.labels import EMOTIONS

VOTE_COLUMNS = (
    "neutral",
    "happiness",
    "surprise",
    "sadness",
    "anger",
    "disgust",
    "fear",
    "contempt",
    "unknown",
    "NF",
)
"""Columns of the votes: eight emotions, then "unknown" and "not a face"."""

CLASSES = (*EMOTIONS, "contempt")
"""FER+'s eight emotions in our order."""

NEUTRAL = EMOTIONS.index("neutral")
CONTEMPT = CLASSES.index("contempt")

MAX_VOTES = 10

_ORDER = [
    VOTE_COLUMNS.index(a)
    for a in ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral", "contempt")
]


@dataclass(frozen=True, slots=True)
class Votes:
    """One vote file. ``usages`` names the split of each row; ``counts`` is uint8 (n, 10) in ``VOTE_COLUMNS`` order."""

    usages: tuple[str, ...]
    counts: npt.NDArray[np.uint8]


def read_votes(path: Path) -> Votes:
    """Read ``fer2013new.csv``.

    Raises:
        DataError: the file cannot be read, lacks a column, or a row is invalid. The header counts as row 1.
    """
    usages: list[str] = []
    counts: list[list[int]] = []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.DictReader(file)
            missing = {"Usage", *VOTE_COLUMNS} - set(rows.fieldnames or ())
            if missing:
                raise DataError(f"votes {path}: has no column {min(missing)!r}; give FER+'s fer2013new.csv")
            for row in rows:
                usages.append(row["Usage"])
                counts.append(_counts(row, f"votes {path} row {rows.line_num}"))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"votes {path}: cannot be read ({reason}); give FER+'s fer2013new.csv") from error
    if not counts:
        raise DataError(f"votes {path}: has no rows; it needs one for each row of fer2013.csv")
    return Votes(tuple(usages), np.array(counts, np.uint8))


def _counts(row: dict[str, str], place: str) -> list[int]:
    counts = []
    for column in VOTE_COLUMNS:
        value = row[column] or ""
        if not (value.isascii() and value.isdigit() and int(value) <= MAX_VOTES):
            raise DataError(f"{place}: {column} is {value!r}, which is not a number of votes, 0..{MAX_VOTES}")
        counts.append(int(value))
    return counts


def majority(votes: npt.NDArray[np.uint8]) -> npt.NDArray[np.int8]:
    """The emotion that most annotators chose: int8 (n,), 0..7 in ``CLASSES`` order, or -1 without a majority.

    Microsoft's rule (``ferplus.py`` of https://github.com/microsoft/FERPlus): single votes count as noise; the
    majority needs over half of the remaining votes and must not be "unknown" or "not a face".
    """
    kept = _without_single(votes)
    agreed = 2 * kept[:, _ORDER].max(axis=1) > kept.sum(axis=1)
    return np.where(agreed, kept[:, _ORDER].argmax(axis=1), -1).astype(np.int8)


def distribution(votes: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """The share of votes per emotion: float32 (n, 7) in ``EMOTIONS`` order.

    Single votes are dropped as noise, contempt counts as neutral, "unknown" and "not a face" are left out. A row sums
    to 1, or to 0 where no vote remains.
    """
    kept = _without_single(votes)[:, _ORDER]
    counts = kept[:, :CONTEMPT]
    counts[:, NEUTRAL] += kept[:, CONTEMPT]
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return np.asarray(shares, np.float32)


def restrict(votes: npt.NDArray[np.uint8], emotions: Sequence[str]) -> npt.NDArray[np.uint8]:
    """The votes (n, 10) as if ``emotions`` had been the only choices: votes for others become "unknown".

    Contempt counts as neutral.
    """
    others = [column for column, name in zip(_ORDER, (*EMOTIONS, "neutral"), strict=True) if name not in emotions]
    kept = votes.copy()
    kept[:, VOTE_COLUMNS.index("unknown")] += votes[:, others].sum(axis=1, dtype=np.uint8)
    kept[:, others] = 0
    return kept


def not_a_face(votes: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Where more than half of the annotators saw no face: bool (n,)."""
    counts = votes.astype(np.int64)
    return np.asarray(2 * counts[:, VOTE_COLUMNS.index("NF")] > counts.sum(axis=1))


def _without_single(votes: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    return np.where(votes > 1, votes, 0).astype(np.int64)
