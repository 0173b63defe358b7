"""Measures the whole device on labelled photographs: detector, crop and classifier, as the daemon runs them.

A photograph whose face is not found counts as wrong, so that a detector which misses the difficult faces gains nothing
by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge.errors import DataError
from edge.records import Pixels
from edge.vision.classifier import EmotionClassifier
from edge.vision.crop import crop_face
from edge.vision.detector import FaceDetector
from train.data.names import label_of
from train.data.source import read_picture
from train.run.progress import Progress, silent

_SUFFIXES = {".bmp", ".jpeg", ".jpg", ".png", ".webp"}


@dataclass(frozen=True, slots=True)
class PipelineResult:
    """What a device would make of ``photographs`` labelled photographs.

    ``found`` is the share of them on which the detector found a face, ``accuracy`` the share that was named right, both
    0..1 and of all photographs. ``recall`` is by emotion, for those that occur; ``macro_f1`` and ``mean_recall`` are
    the plain means over the same.
    """

    photographs: int
    found: float
    accuracy: float
    macro_f1: float
    mean_recall: float
    recall: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts and lists, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Answer:
    """A photograph, the emotion that it is labelled with, and the one that the device named; None without a face."""

    path: Path
    emotion: str
    named: str | None


def evaluate_pipeline(
    detector: FaceDetector, classifier: EmotionClassifier, folder: Path, progress: Progress = silent
) -> PipelineResult:
    """Run ``detector`` and ``classifier`` over the class folders of ``folder``.

    Of several faces the largest is read. Photographs are grey there, as the camera's frames are.

    Args:
        detector: finds the faces and says how they are cut.
        classifier: names the expression.
        folder: holds a folder of JPEG, PNG, WebP or BMP files for each label of the classifier, at any depth below it.
            Other sets' names such as ``anger`` are understood; ``contempt`` counts as neutral where it is no label.
        progress: told of every photograph.

    Raises:
        DataError: there are no photographs, one cannot be read, or a class folder has another name.
    """
    answers = read_photographs(detector, classifier, folder, progress)
    labels = classifier.manifest.labels
    confusion = np.zeros((len(labels), len(labels) + 1), np.int64)  # the last column: no face found
    for answer in answers:
        confusion[labels.index(answer.emotion), labels.index(answer.named) if answer.named else -1] += 1
    support, answered = confusion.sum(axis=1), confusion[:, :-1].sum(axis=0)
    hits, shown = confusion.diagonal(), support > 0
    recall = hits[shown] / support[shown]
    f1 = 2 * hits[shown] / (answered + support)[shown]
    names = [label for label, some in zip(labels, shown, strict=True) if some]
    return PipelineResult(
        photographs=len(answers),
        found=float(answered.sum() / len(answers)),
        accuracy=float(hits.sum() / len(answers)),
        macro_f1=float(f1.mean()),
        mean_recall=float(recall.mean()),
        recall=dict(zip(names, recall.tolist(), strict=True)),
    )


def read_photographs(
    detector: FaceDetector, classifier: EmotionClassifier, folder: Path, progress: Progress = silent
) -> list[Answer]:
    """What the device makes of each photograph in ``folder``; the same arguments as ``evaluate_pipeline``.

    Raises:
        DataError: there are no photographs, one cannot be read, or a class folder has another name.
    """
    labelled, answers = list(_photographs(folder, classifier.manifest.labels)), []
    for done, (path, emotion) in enumerate(labelled, 1):
        answers.append(Answer(path, emotion, _answer(detector, classifier, read_picture(path))))
        progress(done, len(labelled))
    return answers


def table(result: PipelineResult) -> str:
    """The figures for a terminal."""
    lines = [
        f"{result.photographs} photographs: a face found on {result.found:.2%}, {result.accuracy:.2%} named right "
        "(a missed face is wrong)",
        f"macro F1 {result.macro_f1:.3f}, mean recall {result.mean_recall:.2%}",
        *(f"{emotion:16}{share:10.2%}" for emotion, share in result.recall.items()),
    ]
    return "\n".join(lines)


def _photographs(folder: Path, labels: tuple[str, ...]) -> Iterator[tuple[Path, str]]:
    classes = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    if not classes:
        raise DataError(f"photographs {folder}: no class folders, expected {', '.join(labels)}")
    some = False
    for each in classes:
        label = _label_among(each.name, labels)
        if label is None:
            raise DataError(f"photographs {each}: is no label of the model, expected class folders {', '.join(labels)}")
        for path in sorted(each.rglob("*")):
            if path.suffix.lower() in _SUFFIXES:
                some = True
                yield path, label
    if not some:
        raise DataError(f"photographs {folder}: hold no picture, expected {', '.join(sorted(_SUFFIXES))} files")


def _label_among(name: str, labels: tuple[str, ...]) -> str | None:
    """Which of ``labels`` a folder ``name`` stands for, None if it is another."""
    named = label_of(name)
    if named == "contempt" and named not in labels:
        named = "neutral"
    return next((label for label in labels if label_of(label) == named), None)


def _answer(detector: FaceDetector, classifier: EmotionClassifier, pixels: Pixels) -> str | None:
    face = max(detector.detect(pixels), key=lambda each: each.height_px, default=None)
    if face is None:
        return None
    crop = crop_face(pixels, face, detector.crop_rule, classifier.input_size_px)
    return classifier.classify([crop])[0].dominant
