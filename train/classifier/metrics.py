"""How good a set of answers is: numpy only, so that every package may measure the same way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_BINS = 15


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
    """One measurement of ``faces`` faces.

    ``accuracy`` and ``macro_f1`` (the plain mean over classes) are 0..1. ``log_loss`` is the mean negative log
    likelihood in nats, None where a face belongs to a class that the model does not know. ``calibration_error`` is
    the expected calibration error over 15 even bins of confidence (Guo et al., "On Calibration of Modern Neural
    Networks", 2017). ``confusion`` counts faces, row = true class, column = answer.
    """

    faces: int
    accuracy: float
    macro_f1: float
    log_loss: float | None
    calibration_error: float
    classes: tuple[ClassMetrics, ...]
    confusion: tuple[tuple[int, ...], ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts and lists, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Reliability:
    """Faces by the confidence of their answer, in 15 even bins of 0..1, each array float64 (15,).

    ``confidence`` is the mean of a bin, ``accuracy`` its share of right answers; both are 0 where ``faces`` is.
    """

    faces: npt.NDArray[np.float64]
    confidence: npt.NDArray[np.float64]
    accuracy: npt.NDArray[np.float64]

    @property
    def calibration_error(self) -> float:
        """The mean distance of confidence and accuracy, each bin by its faces."""
        return float((self.faces * np.abs(self.confidence - self.accuracy)).sum() / self.faces.sum())


def softmax(logits: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Probabilities along the last axis."""
    values = np.asarray(logits, np.float64)
    exponentials = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))


def measure(
    probabilities: npt.NDArray[np.floating[Any]], labels: npt.NDArray[np.integer[Any]], classes: Sequence[str]
) -> Metrics:
    """Compare answers with true labels; the answer is the first class with the highest probability.

    Args:
        probabilities: (n, k), each row sums to 1.
        labels: (n,), positions in ``classes``.
        classes: names, at least k: those beyond k are never answered and count as wrong.

    Raises:
        ValueError: there is no face, or shapes or labels do not fit.
    """
    faces, known = probabilities.shape
    if not faces or labels.shape != (faces,):
        raise ValueError(f"{labels.shape} labels for {faces} answers, expected one each and at least one")
    if known > len(classes) or labels.min() < 0 or labels.max() >= len(classes):
        raise ValueError(f"labels {labels.min()}..{labels.max()} and {known} answers do not fit {len(classes)} classes")
    confusion = confusion_matrix(labels, probabilities.argmax(axis=1), len(classes))
    hits = confusion.diagonal()
    support, answered = confusion.sum(axis=1), confusion.sum(axis=0)
    precision, recall = hits / np.maximum(answered, 1), hits / np.maximum(support, 1)
    f1 = 2 * hits / np.maximum(answered + support, 1)
    return Metrics(
        faces=faces,
        accuracy=float(hits.sum() / faces),
        macro_f1=float(f1.mean()),
        log_loss=_log_loss(probabilities, labels) if labels.max() < known else None,
        calibration_error=reliability(probabilities, np.eye(len(classes))[labels]).calibration_error,
        classes=tuple(
            ClassMetrics(name, float(precision[i]), float(recall[i]), float(f1[i]), int(support[i]))
            for i, name in enumerate(classes)
        ),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
    )


def confusion_matrix(
    labels: npt.NDArray[np.integer[Any]], answers: npt.NDArray[np.integer[Any]], classes: int
) -> npt.NDArray[np.int64]:
    """Counts (classes, classes), row = true class, column = answer."""
    pairs = labels.astype(np.int64) * classes + answers
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes).astype(np.int64)


def reliability(probabilities: npt.NDArray[np.floating[Any]], truth: npt.NDArray[np.floating[Any]]) -> Reliability:
    """How often the answers of (n, k) are right, by how sure they are: what a reliability diagram shows.

    ``truth`` (n, k) is 1 for the true class, or the share of the annotators who chose each.
    """
    confidence = probabilities.max(axis=1)
    hits = truth[np.arange(len(truth)), probabilities.argmax(axis=1)]
    bins = np.clip(np.ceil(confidence * _BINS) - 1, 0, _BINS - 1).astype(np.int64)
    faces, sure, right = (np.bincount(bins, weights, _BINS) for weights in (None, confidence, hits))
    return Reliability(faces.astype(np.float64), sure / np.maximum(faces, 1), right / np.maximum(faces, 1))


def _log_loss(probabilities: npt.NDArray[np.floating[Any]], labels: npt.NDArray[np.integer[Any]]) -> float:
    likelihood = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(likelihood, np.finfo(np.float32).tiny)).mean())
