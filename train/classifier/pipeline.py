"""Measures the whole device on labelled photographs: detector, crop and classifier, as the daemon runs them.

A photograph whose face is not found counts as wrong, so that a detector which misses the difficult faces gains nothing
by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge.errors import DataError
from edge.records import Pixels
from edge.vision.classifier import EmotionClassifier
from edge.vision.crop import crop_face
from edge.vision.detector import FaceDetector
from train.classifier.metrics import wilson
from train.data.layouts import Labelled, find_labelled
from train.data.names import label_of
from train.data.source import VIDEOS, Source, ending
from train.run.progress import Progress, silent


@dataclass(frozen=True, slots=True)
class PipelineResult:
    """What a device with ``head`` of ``model`` would make of ``photographs`` labelled photographs.

    ``found`` is the share of them on which the detector found a face, ``accuracy`` the share that was named right, both
    0..1 and of all photographs. ``recall`` is by emotion, for those that occur; ``macro_f1`` and ``mean_recall`` are
    the plain means over the same. ``support`` counts the photographs of each label, ``left_out`` has the names of the
    pictures that could not be read, by the reason.
    """

    model: str
    head: str
    photographs: int
    found: float
    accuracy: float
    macro_f1: float
    mean_recall: float
    recall: dict[str, float]
    support: dict[str, int]
    left_out: dict[str, list[str]]

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts and lists, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Answer:
    """A photograph by its path in the folder, the emotion that it is labelled with, and the one that the device named,
    None without a face.

    ``left_out`` says why the picture could not be read, else it is empty.
    """

    name: str
    emotion: str
    named: str | None
    left_out: str = ""


def evaluate_pipeline(
    detector: FaceDetector, classifier: EmotionClassifier, folder: Path, progress: Progress = silent
) -> PipelineResult:
    """Run ``detector`` and ``classifier`` over the labelled photographs of ``folder``.

    Of several faces the largest is read. Photographs are grey there, as the camera's frames are.

    Args:
        detector: finds the faces and says how they are cut.
        classifier: names the expression.
        folder: a folder or archive with a folder for each label of the classifier, or in another layout that
            ``train.data.layouts`` knows. Other sets' names such as ``anger`` are understood; ``contempt`` counts as
            neutral where it is no label.
        progress: told of every photograph.

    Raises:
        DataError: there are no photographs, none can be read, or a class folder has another name.
    """
    everything = read_photographs(detector, classifier, folder, progress)
    answers = [answer for answer in everything if not answer.left_out]
    labels = classifier.labels
    confusion = np.zeros((len(labels), len(labels) + 1), np.int64)  # the last column: no face found
    for answer in answers:
        confusion[labels.index(answer.emotion), labels.index(answer.named) if answer.named else -1] += 1
    support, answered = confusion.sum(axis=1), confusion[:, :-1].sum(axis=0)
    hits, shown = confusion.diagonal(), support > 0
    recall = hits[shown] / support[shown]
    f1 = 2 * hits[shown] / (answered + support)[shown]
    names = [label for label, some in zip(labels, shown, strict=True) if some]
    left_out: dict[str, list[str]] = {}
    for answer in everything:
        if answer.left_out:
            left_out.setdefault(answer.left_out, []).append(answer.name)
    return PipelineResult(
        model=classifier.manifest.id,
        head=classifier.head.name,
        photographs=len(answers),
        found=float(answered.sum() / len(answers)),
        accuracy=float(hits.sum() / len(answers)),
        macro_f1=float(f1.mean()),
        mean_recall=float(recall.mean()),
        recall=dict(zip(names, recall.tolist(), strict=True)),
        support=dict(zip(labels, support.tolist(), strict=True)),
        left_out=left_out,
    )


def read_photographs(
    detector: FaceDetector, classifier: EmotionClassifier, folder: Path, progress: Progress = silent
) -> list[Answer]:
    """What the device makes of each photograph in ``folder``; the same arguments as ``evaluate_pipeline``.

    Raises:
        DataError: there are no photographs, none can be read, or a class folder has another name.
    """
    source, answers = Source.open(folder), []
    try:
        labelled = find_labelled(source)
        meant = _meant(folder, labelled, classifier.labels)
        for done, each in enumerate(labelled, 1):
            named, left_out = None, ""
            try:
                named = _answer(detector, classifier, _picture(source, each.name))
            except DataError as error:
                left_out = str(error).removeprefix(f"picture {each.name}: ")
            answers.append(Answer(each.name, meant[each.label], named, left_out))
            progress(done, len(labelled))
    finally:
        source.close()
    if not answers:
        raise DataError(f"photographs {folder}: none has an emotion as its label, only such as unknown or none")
    if all(answer.left_out for answer in answers):
        raise DataError(f"photographs {folder}: none can be read; the first, {answers[0].name}, {answers[0].left_out}")
    return answers


def table(result: PipelineResult) -> str:
    """The figures for a terminal."""
    count = result.photographs
    low, high = wilson(round(result.accuracy * count), count)
    lines = [
        f"{result.model}, {result.head}: {count} photograph{'s' * (count != 1)}, a face found on {result.found:.2%}",
        f"{result.accuracy:.2%} named right, where a missed face is wrong (with chance between {low:.1%} and "
        f"{high:.1%}, 95 % interval)",
        f"macro F1 {result.macro_f1:.3f}, mean recall {result.mean_recall:.2%}",
        "",
        f"{'':16}{'photographs':>12}{'recall':>10}",
    ]
    for emotion, some in result.support.items():
        lines.append(f"{emotion:16}{some:12}{f'{result.recall[emotion]:.2%}' if some else '-':>10}")
    for reason, names in result.left_out.items():
        lines.append(f"left out: {len(names)}, such as {names[0]}, which {reason}")
    return "\n".join(lines)


def _meant(folder: Path, labelled: Sequence[Labelled], labels: tuple[str, ...]) -> dict[str, str]:
    """Which of the classifier's ``labels`` each label of the photographs stands for."""
    meant = {}
    for each in labelled:
        label = _label_among(each.label, labels)
        if label is None:
            raise DataError(
                f"photographs {folder}: {each.name} is called {each.label}, which is no label of the model; expected "
                f"class folders {', '.join(labels)}"
            )
        meant[each.label] = label
    return meant


def _picture(source: Source, name: str) -> Pixels:
    if ending(name) in VIDEOS:
        raise DataError(f"picture {name}: is a video; fer-train import takes pictures out of it")
    return source.picture(name)


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
