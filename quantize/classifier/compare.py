"""The float network against its int8 file on one split, the gate between them, and the temperatures of the softmax."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.errors import ModelError
from edge.labels import HEADS
from edge.model.probabilities import softmax
from train.classifier.evaluate import Evaluation, Logits, evaluate_logits
from train.classifier.metrics import reliability
from train.classifier.targets import soft_targets
from train.data.fer2013 import FaceSet

MAX_LOST = 0.005
MIN_AGREEMENT = 0.97


@dataclass(frozen=True, slots=True)
class Tempered:
    """What the logits of a head are divided by, and how far float and int8 then are from as sure as right."""

    temperature: float
    errors: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What one network reaches in float and in int8 on the same faces.

    ``agreement`` is the share of faces with the same emotion on top, of the head that agrees least. Logit errors are
    absolute differences, in logits. ``tempered`` is by head; the evaluations are of the plain logits. ``crossed`` is of
    int8, each head held against the labels of the other.
    """

    original: Evaluation
    quantised: Evaluation
    agreement: float
    largest_logit_error: float
    mean_logit_error: float
    tempered: Mapping[str, Tempered]
    crossed: Evaluation

    @property
    def lost(self) -> float:
        """Accuracy that quantising costs, of FER2013's or of FER+'s majority, whichever loses more: 0..1; negative
        where int8 happens to be better.
        """
        lost = self.original.fer2013.accuracy - self.quantised.fer2013.accuracy
        if self.original.ferplus is None or self.quantised.ferplus is None:
            return lost
        return max(lost, self.original.ferplus.accuracy - self.quantised.ferplus.accuracy)

    @property
    def passes(self) -> bool:
        """Whether the gate lets int8 through."""
        return self.lost <= MAX_LOST and self.agreement >= MIN_AGREEMENT

    def check(self) -> None:
        """Pass the gate.

        Raises:
            ModelError: more accuracy is lost, or fewer answers agree, than accepted.
        """
        if self.lost > MAX_LOST:
            raise ModelError(
                f"int8 loses {100 * self.lost:.2f} points on {self.original.split}, accepted are {100 * MAX_LOST}; "
                "fer-quantize compare shows the layer that is worst"
            )
        if self.agreement < MIN_AGREEMENT:
            raise ModelError(
                f"int8 agrees with float on {100 * self.agreement:.2f} % of {self.original.split}, accepted are "
                f"{100 * MIN_AGREEMENT:.0f} %; fer-quantize compare shows the layer that is worst"
            )


def compare(
    original: Logits, quantised: Logits, faces: FaceSet, temperatures: Mapping[str, float] | None = None
) -> Comparison:
    """Compare the logits (n, 2, 7) that the float network and the int8 file gave to ``faces``.

    Without ``temperatures``, which are by head, the plain logits count.
    """
    errors = np.abs(original - quantised)
    targets = soft_targets(faces)
    tempered = {}
    for place, head in enumerate(HEADS):
        temperature = temperatures[head] if temperatures else 1.0
        before, after = (
            reliability(softmax(each[:, place], temperature), targets[:, place]).calibration_error
            for each in (original, quantised)
        )
        tempered[head] = Tempered(temperature, (before, after))
    return Comparison(
        original=evaluate_logits("float", original, faces),
        quantised=evaluate_logits("int8", quantised, faces),
        agreement=float((original.argmax(axis=2) == quantised.argmax(axis=2)).mean(axis=0).min()),
        largest_logit_error=float(errors.max()),
        mean_logit_error=float(errors.mean()),
        tempered=tempered,
        crossed=evaluate_logits("int8, heads crossed", quantised[:, ::-1], faces),
    )


def best_temperatures(logits: Logits, faces: FaceSet) -> dict[str, float]:
    """For each head the temperature with the least cross-entropy with what it is to answer, 0.25..4 in steps of 1 %.

    Guo et al., "On Calibration of Modern Neural Networks", 2017: it changes confidences, never the answer. FER+'s head
    is held against the votes, so that its shares are those of annotators.
    """
    targets = soft_targets(faces)
    return {head: _best_temperature(logits[:, place], targets[:, place]) for place, head in enumerate(HEADS)}


def _best_temperature(logits: npt.NDArray[np.float32], targets: npt.NDArray[np.float32]) -> float:
    temperatures = np.geomspace(0.25, 4, 280).round(3)
    scaled = [logits / t for t in temperatures]
    losses = [(np.logaddexp.reduce(each, axis=1) - (each * targets).sum(axis=1)).mean() for each in scaled]
    return float(temperatures[np.argmin(losses)])
