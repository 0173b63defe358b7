"""Metrics of a classifier's predictions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss, precision_recall_fscore_support

_BINS = 15
_Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class ClassMetrics:
    """One class: shares 0..1 (0 where there is nothing to divide by) and ``support``, the number of its faces."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class Metrics:
    """Metrics over ``faces`` faces.

    ``accuracy`` and ``macro_f1`` (the unweighted mean over ``classes``, those that the faces show) are 0..1.
    ``log_loss`` is the mean negative log likelihood in nats, None where a face belongs to a class that the model does
    not know. ``calibration_error`` is the expected calibration error over 15 equal bins of confidence (Guo et al., "On
    Calibration of Modern Neural Networks", 2017). ``confusion`` counts faces, row = true class, column = predicted
    class, both in the order of ``names``: the classes that the faces show or that are predicted.
    """

    faces: int
    accuracy: float
    macro_f1: float
    log_loss: float | None
    calibration_error: float
    classes: tuple[ClassMetrics, ...]
    confusion: tuple[tuple[int, ...], ...]
    names: tuple[str, ...]

    @property
    def interval(self) -> tuple[float, float]:
        """Between what bounds the accuracy lies with chance, 95 %."""
        return wilson(round(self.accuracy * self.faces), self.faces)

    @property
    def usual(self) -> tuple[str, float]:
        """The most frequent label, and the accuracy of always saying it."""
        most = max(self.classes, key=lambda each: each.support)
        return most.name, most.support / max(self.faces, 1)

    @property
    def guessing(self) -> bool:
        """Whether it may be no better than always saying the usual label."""
        return self.interval[0] <= self.usual[1]

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts and lists, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Reliability:
    """Faces by the confidence of their prediction, in 15 equal bins of 0..1, each array float64 (15,).

    ``confidence`` is the mean over a bin, ``accuracy`` the share of correct predictions in it; both are 0 where
    ``faces`` is.
    """

    faces: npt.NDArray[np.float64]
    confidence: npt.NDArray[np.float64]
    accuracy: npt.NDArray[np.float64]

    @property
    def calibration_error(self) -> float:
        """The mean distance between confidence and accuracy, each bin weighted by its faces."""
        return float((self.faces * np.abs(self.confidence - self.accuracy)).sum() / self.faces.sum())


def compute_metrics(
    probabilities: npt.NDArray[np.floating[Any]], labels: npt.NDArray[np.integer[Any]], classes: Sequence[str]
) -> Metrics:
    """Compare predictions with true labels; the first class with the highest probability is the predicted one.

    Args:
        probabilities: (n, k), each row sums to 1.
        labels: (n,), positions in ``classes``.
        classes: names, at least k: the model never predicts those beyond k, so their faces count as wrong.

    Raises:
        ValueError: there is no face, or shapes or labels do not fit.
    """
    faces, known = probabilities.shape
    if not faces or labels.shape != (faces,):
        raise ValueError(f"{labels.shape} labels for {faces} predictions; give one for each, and at least one")
    if known > len(classes) or labels.min() < 0 or labels.max() >= len(classes):
        raise ValueError(
            f"labels {labels.min()}..{labels.max()} and {known} probabilities do not fit {len(classes)} classes"
        )
    predicted, every = probabilities.argmax(axis=1), range(len(classes))
    precision, recall, f1, support = precision_recall_fscore_support(labels, predicted, labels=every, zero_division=0)
    shown = np.flatnonzero(support).tolist()
    met = np.union1d(shown, predicted).tolist()
    return Metrics(
        faces=faces,
        accuracy=float(accuracy_score(labels, predicted)),
        macro_f1=float(f1[shown].mean()),
        log_loss=float(log_loss(labels, probabilities, labels=range(known))) if labels.max() < known else None,
        calibration_error=reliability(probabilities, np.eye(len(classes))[labels]).calibration_error,
        classes=tuple(
            ClassMetrics(classes[i], float(precision[i]), float(recall[i]), float(f1[i]), int(support[i]))
            for i in shown
        ),
        confusion=tuple(
            tuple(row) for row in confusion_matrix(labels, predicted, labels=every)[np.ix_(met, met)].tolist()
        ),
        names=tuple(classes[i] for i in met),
    )


def reliability(probabilities: npt.NDArray[np.floating[Any]], truth: npt.NDArray[np.floating[Any]]) -> Reliability:
    """How often predictions are correct at each level of confidence: what a reliability diagram shows.

    scikit-learn has no expected calibration error, and its ``calibration_curve`` knows two classes only.

    Args:
        probabilities: (n, k).
        truth: (n, k), 1 for the true class, or the share of annotators who chose each.
    """
    confidence = probabilities.max(axis=1)
    correct = truth[np.arange(len(truth)), probabilities.argmax(axis=1)]
    bins = np.clip(np.ceil(confidence * _BINS) - 1, 0, _BINS - 1).astype(np.int64)
    faces, confidences, hits = (np.bincount(bins, weights, _BINS) for weights in (None, confidence, correct))
    return Reliability(faces.astype(np.float64), confidences / np.maximum(faces, 1), hits / np.maximum(faces, 1))


def wilson(hits: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share by Wilson; 0 and 1 of nothing."""
    if not of:
        return 0.0, 1.0
    share, square = hits / of, _Z**2
    middle = (share + square / (2 * of)) / (1 + square / of)
    half = _Z / (1 + square / of) * math.sqrt(share * (1 - share) / of + square / (4 * of**2))
    return max(0.0, middle - half), min(1.0, middle + half)
