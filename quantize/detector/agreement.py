"""A float detector against its int8 file on the development set, the gate between them, and the threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge.errors import ModelError
from edge.vision.detector.refiner import CANDIDATES_REFINED
from train.detector.candidates import Candidate
from train.detector.development import Frame
from train.detector.evaluate import MAX_FALSE_POSITIVES_PER_IMAGE, Evaluation, evaluate, find_faces
from train.detector.refiner.recipe import CANDIDATE_THRESHOLD

MAX_LOST = 0.005
"""Average precision that int8 may lose; it depends on every score."""

MAX_RECALL_LOST = 0.01
"""Recall that int8 may lose at one threshold, where faces with a score near it fall to either side by chance."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What one detector reaches in float and in int8 on the same frames, both at the threshold of int8."""

    original: Evaluation
    quantised: Evaluation
    peers: tuple[Evaluation, ...] = ()
    """What other detectors reach on the same frames, each at the threshold that it is used with."""
    alone: Evaluation | None = None
    """What the int8 detector reaches without its refiner, if it has one, at a threshold chosen by the same rule."""
    candidates: float = 0.0
    """How many candidates of a frame are refined, on average."""

    @property
    def gated(self) -> dict[str, tuple[float, float]]:
        """The figures that decide, by name: (float, int8)."""
        pairs = {
            "recall of faces of 40 px and more": "recall_40",
            "recall of faces of 20 px and more": "recall_20",
            "average precision": "average_precision",
        }
        return {title: (getattr(self.original, name), getattr(self.quantised, name)) for title, name in pairs.items()}

    def check(self) -> None:
        """Refuse an int8 file that is too far from float.

        Raises:
            ModelError: int8 loses more than allowed, or finds no face.
        """
        if not self.quantised.recall_20:
            raise ModelError(
                f"detector finds no face with a score of {self.quantised.threshold:.2f} or more, and below it more "
                f"than {MAX_FALSE_POSITIVES_PER_IMAGE} false ones per image; train it for longer"
            )
        for title, (before, after) in self.gated.items():
            allowed = MAX_RECALL_LOST if title.startswith("recall") else MAX_LOST
            if before - after > allowed:
                raise ModelError(
                    f"int8 loses {100 * (before - after):.2f} points of {title}, at most {100 * allowed:g} are "
                    "allowed; train it for longer"
                )


def compare(
    in_float: Candidate, int8: Candidate, development: Mapping[str, Sequence[Frame]], alone: Candidate | None = None
) -> Comparison:
    """Run both over ``development``, at the threshold that the false faces of ``int8`` decide.

    Args:
        in_float: the Keras model, or the pair of detector and refiner.
        int8: the same in int8.
        development: see ``train.detector.development.compose``.
        alone: the detector of an int8 pair, with a threshold of its own.
    """
    quantised = evaluate(int8, find_faces(int8, development), development)
    in_float = replace(in_float, threshold=quantised.threshold)
    comparison = Comparison(evaluate(in_float, find_faces(in_float, development), development), quantised)
    if alone is None:
        return comparison
    found = find_faces(alone, development)
    counts = [np.count_nonzero(boxes.scores >= CANDIDATE_THRESHOLD) for frames in found.values() for boxes in frames]
    candidates = float(np.minimum(counts, CANDIDATES_REFINED).mean())
    return replace(comparison, alone=evaluate(alone, found, development), candidates=candidates)
