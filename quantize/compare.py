"""The float network against its int8 file on one split, the gate between them, and the temperature of the softmax."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.errors import ModelError
from train.evaluate import Evaluation, judge
from train.fer2013 import FaceSet
from train.metrics import reliability, softmax

Logits = npt.NDArray[np.float32]

MAX_LOST = 0.005
MIN_AGREEMENT = 0.97


@dataclass(frozen=True, slots=True)
class Comparison:
    """What one network reaches in float and in int8 on the same faces.

    ``agreement`` is the share of faces with the same emotion on top. Logit errors are absolute differences, in logits.
    ``calibration_errors`` are those of float and int8 once their logits are divided by ``temperature``; the
    evaluations hold those of the plain logits.
    """

    original: Evaluation
    quantised: Evaluation
    agreement: float
    largest_logit_error: float
    mean_logit_error: float
    temperature: float
    calibration_errors: tuple[float, float]

    @property
    def lost(self) -> float:
        """Accuracy on FER2013 that quantising costs, 0..1; negative where int8 happens to be better."""
        return self.original.fer2013.accuracy - self.quantised.fer2013.accuracy

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


def compare(original: Logits, quantised: Logits, faces: FaceSet, temperature: float = 1.0) -> Comparison:
    """Compare the logits (n, 7) that the float network and the int8 file gave to ``faces``."""
    errors = np.abs(original - quantised)
    before, after = (reliability(softmax(each / temperature), faces.labels) for each in (original, quantised))
    return Comparison(
        original=judge("float", original, faces),
        quantised=judge("int8", quantised, faces),
        agreement=float((original.argmax(axis=1) == quantised.argmax(axis=1)).mean()),
        largest_logit_error=float(errors.max()),
        mean_logit_error=float(errors.mean()),
        temperature=temperature,
        calibration_errors=(before.calibration_error, after.calibration_error),
    )


def best_temperature(logits: Logits, labels: npt.NDArray[np.uint8]) -> float:
    """The temperature with the least negative log likelihood of ``labels``, 0.25..4 in steps of 1 %.

    Guo et al., "On Calibration of Modern Neural Networks", 2017: it changes confidences, never the answer.
    """
    temperatures = np.geomspace(0.25, 4, 280).round(3)
    rows = np.arange(len(labels))
    scaled = [logits / t for t in temperatures]
    losses = [(np.logaddexp.reduce(each, axis=1) - each[rows, labels]).mean() for each in scaled]
    return float(temperatures[np.argmin(losses)])
