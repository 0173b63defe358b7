"""A float classifier against its int8 file on one split, the gate between them, and the temperatures of the softmax."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.errors import ModelError
from edge.labels import HEADS
from edge.model.probabilities import softmax
from quantize.tflite.inference import run
from train.classifier.evaluate import Evaluation, Logits, evaluate_logits
from train.classifier.metrics import reliability
from train.classifier.targets import soft_targets
from train.data.fer2013 import FaceSet
from train.run.saved import head_names, predict_logits

MAX_LOST = 0.005
"""Accuracy that int8 may lose."""
MIN_AGREEMENT = 0.97
"""Share of faces on which int8 and float must have the same emotion on top."""

FEW = 2.5
"""Faces. Of a small held-out part, one or two that int8 names otherwise are more than ``MAX_LOST`` and still chance."""

_ADVICE = (
    "see the noisiest layer with fer-quantize compare, then train again with batch normalisation behind it or a longer "
    "run"
)


@dataclass(frozen=True, slots=True)
class CalibratedHead:
    """The temperature of a head, and the calibration errors that float and int8 have with it."""

    temperature: float
    errors: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What one network reaches in float and in int8 on the same faces.

    ``agreement`` is the share of faces with the same emotion on top, of the head that agrees least. Logit errors are
    absolute differences, in logits. ``calibrated`` is by head; the evaluations are of the plain logits. ``crossed`` is
    int8, with each head measured against the labels of the other.
    """

    original: Evaluation
    quantised: Evaluation
    agreement: float
    largest_logit_error: float
    mean_logit_error: float
    calibrated: Mapping[str, CalibratedHead]
    crossed: Evaluation

    @property
    def lost(self) -> float:
        """Accuracy that int8 loses, 0..1, on FER2013's labels or on FER+'s majority, whichever is more.

        Negative if int8 happens to be better.
        """
        lost = self.original.fer2013.accuracy - self.quantised.fer2013.accuracy
        if self.original.ferplus is None or self.quantised.ferplus is None:
            return lost
        return max(lost, self.original.ferplus.accuracy - self.quantised.ferplus.accuracy)

    def check(self) -> None:
        """Refuse an int8 file that is too far from float.

        Raises:
            ModelError: int8 loses more accuracy, or agrees with float on fewer faces, than allowed.
        """
        faces = self.original.fer2013.faces
        if self.lost > MAX_LOST and self.lost * faces > FEW:
            raise ModelError(
                f"int8 loses {100 * self.lost:.2f} points on {self.original.split}, at most {100 * MAX_LOST} are "
                f"allowed; {_ADVICE}"
            )
        if self.agreement < MIN_AGREEMENT and (1 - self.agreement) * faces > FEW:
            raise ModelError(
                f"int8 agrees with float on {100 * self.agreement:.2f} % of {self.original.split}, at least "
                f"{100 * MIN_AGREEMENT:.0f} % are needed; {_ADVICE}"
            )


def float_logits(network: Any, pixels: npt.NDArray[np.uint8]) -> Logits:
    """The logits of a Keras network for faces, uint8 (n, height, width): float32 (n, heads, labels)."""
    return predict_logits(network, pixels)


def int8_logits(model: bytes, pixels: npt.NDArray[np.uint8], heads: int = len(HEADS)) -> Logits:
    """The logits of an int8 file with so many heads, in the same shape."""
    return run(model, pixels).dequantized.reshape(len(pixels), heads, -1)


def compare(
    original: Logits, quantised: Logits, faces: FaceSet, temperatures: Mapping[str, float] | None = None
) -> Comparison:
    """Compare the logits (n, heads, labels) of the float network and of the int8 file for ``faces``.

    ``temperatures`` are by head; without them they are 1.
    """
    errors = np.abs(original - quantised)
    targets = soft_targets(faces)
    calibrated = {}
    for i, head in enumerate(head_names(faces.classes)):
        temperature = temperatures[head] if temperatures else 1.0
        before, after = (
            reliability(softmax(each[:, i], temperature), targets[:, i]).calibration_error
            for each in (original, quantised)
        )
        calibrated[head] = CalibratedHead(temperature, (before, after))
    return Comparison(
        original=evaluate_logits("float", original, faces),
        quantised=evaluate_logits("int8", quantised, faces),
        agreement=float((original.argmax(axis=2) == quantised.argmax(axis=2)).mean(axis=0).min()),
        largest_logit_error=float(errors.max()),
        mean_logit_error=float(errors.mean()),
        calibrated=calibrated,
        crossed=evaluate_logits("int8, heads crossed", quantised[:, ::-1], faces),
    )


def best_temperatures(logits: Logits, faces: FaceSet) -> dict[str, float]:
    """The temperature of each head with the least cross-entropy to its targets, 0.25..4 in steps of 1 %.

    A temperature changes confidences, never the emotion on top: Guo et al., "On Calibration of Modern Neural Networks",
    2017. The targets of FER+'s head are the votes, so that its probabilities are shares of annotators.
    """
    targets = soft_targets(faces)
    return {head: best_temperature(logits[:, i], targets[:, i]) for i, head in enumerate(head_names(faces.classes))}


def best_temperature(logits: npt.NDArray[np.float32], targets: npt.NDArray[np.float32]) -> float:
    """The temperature with the least cross-entropy of ``logits`` to ``targets``, both (n, k); 0.25..4, steps of 1 %."""
    temperatures = np.geomspace(0.25, 4, 280).round(3)
    scaled = [logits / t for t in temperatures]
    losses = [(np.logaddexp.reduce(each, axis=1) - (each * targets).sum(axis=1)).mean() for each in scaled]
    return float(temperatures[np.argmin(losses)])
