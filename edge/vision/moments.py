"""The mood of a room: each moment is averaged over the people in it, then the window over its moments.

So nobody's share in a window exceeds one of the fewest people in any of its moments, however often a face is lost and
found again. A mean over people would give a restless one more weight with every new track.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.records import Basis, EmotionScores, Reading


@dataclass(frozen=True, slots=True)
class Mood:
    """A mean over people, and the share of unclear readings in it."""

    emotions: EmotionScores
    uncertain: float
    basis: Basis

    def rounded(self, parts: int) -> Mood:
        """The same in multiples of 1/parts."""
        return Mood(self.emotions.rounded(parts), round(self.uncertain * parts) / parts, self.basis)


@dataclass(slots=True)
class _Sum:
    total: npt.NDArray[np.float64]
    uncertain: float = 0.0
    moments: int = 0
    fewest: int = 0
    from_s: float = 0.0
    to_s: float = 0.0


class Moments:
    """Gathers the moments of one window with at least ``min_people`` readings. Used by one thread only."""

    def __init__(self, *, labels: tuple[str, ...], min_people: int, uncertain_below: float) -> None:
        self._labels, self._min_people, self._uncertain_below = labels, min_people, uncertain_below
        self._sum = _Sum(np.zeros(len(labels)))

    def add(self, readings: Sequence[Reading], now_s: float) -> None:
        """Count a moment, if enough people could be read in it."""
        if len(readings) < self._min_people:
            return
        gathered = self._sum
        if not gathered.moments:
            gathered.from_s, gathered.fewest = now_s, len(readings)
        gathered.to_s, gathered.fewest = now_s, min(gathered.fewest, len(readings))
        gathered.moments += 1
        gathered.total += np.mean([reading.scores.probabilities for reading in readings], axis=0)
        unclear = sum(reading.scores.confidence < self._uncertain_below for reading in readings)
        gathered.uncertain += unclear / len(readings)

    def take(self) -> Mood | None:
        """The mean over the moments since the last call; None if there was none."""
        gathered, self._sum = self._sum, _Sum(np.zeros(len(self._labels)))
        if not gathered.moments:
            return None
        emotions = EmotionScores(tuple((gathered.total / gathered.moments).tolist()), self._labels)
        basis = Basis("room", gathered.fewest, gathered.from_s, gathered.to_s)
        return Mood(emotions, gathered.uncertain / gathered.moments, basis)
