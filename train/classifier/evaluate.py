"""Evaluates a ``.keras`` or an int8 ``.tflite`` file on FER2013 and FER+."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from edge.errors import DataError, ModelError
from edge.labels import EMOTIONS, HEADS
from edge.model.classifier_manifest import ClassifierManifest
from edge.model.int8 import dequantize, quantize
from edge.model.interpreter import Interpreter
from edge.model.probabilities import softmax
from edge.model.release import MANIFEST_FILE, MODEL_FILE
from edge.records import Pixels
from train.classifier.metrics import Metrics, compute_metrics, reliability, wilson
from train.classifier.targets import soft_targets
from train.data.fer2013 import FaceSet
from train.data.ferplus import CLASSES, CONTEMPT, NEUTRAL, majority
from train.run.saved import OWN_HEAD, open_classifier, predict_logits

WIDE = 0.4
"""A 95 % interval of a share that is wider than this says nothing of use."""

Logits = npt.NDArray[np.float32]
"""A model's output for n faces: (n, heads, labels); the heads of fer-train's seven emotions are ``HEADS``."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Metrics of one model file on one split of ``data``, with one forward pass per face.

    ``fer2013`` compares the last head, the one of that name, with the labels of the data. ``ferplus`` and
    ``ferplus_contempt`` compare the first head with the majority of FER+'s annotators, on the faces that have one:
    contempt counts as neutral in the first (7 classes) and as wrong in the second (8 classes). Both are None without
    votes; the second also when only some emotions are evaluated.

    ``votes_calibration_error`` is the calibration error of the first head against what share of the annotators chose
    each emotion, over all faces. It is what the temperature is chosen for, since a device publishes mean probabilities;
    a majority is surer than people are, so the errors against it are larger.

    ``temperatures`` divided the logits of each head, and so decide log losses and calibration errors: those of a
    device, or 1 for what has not been released.
    """

    model: str
    data: str
    split: str
    emotions: tuple[str, ...]
    fer2013: Metrics
    ferplus: Metrics | None
    ferplus_contempt: Metrics | None
    votes_calibration_error: float | None = None
    temperatures: tuple[float, ...] = ()

    @property
    def labels_key(self) -> str:
        """What documents call the comparison with the labels of the data: those of FER2013, or others."""
        return "fer2013" if self.data == "FER2013" else "labels"

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts and lists, ready for JSON."""
        return {self.labels_key if name == "fer2013" else name: value for name, value in asdict(self).items()}


def evaluate(model: Path, faces: FaceSet, emotions: Sequence[str] = (), predicted: Logits | None = None) -> Evaluation:
    """Run ``model`` over ``faces`` and compare its predictions with the labels and, where there are any, the votes.

    Args:
        model: a ``.keras`` file, or a ``.tflite`` file with int8 input and output.
        faces: one split.
        emotions: leave out faces of other emotions and take the most probable of these as the prediction, to compare
            with systems of four or five classes.
        predicted: what the model gives for ``faces``, if that is known.

    Raises:
        ModelError: the file cannot be run, or does not map 48x48 grey to seven logits.
        DataError: no face shows one of ``emotions``, or one is no label of the data.
    """
    logits = predict(model, faces.pixels) if predicted is None else predicted
    temperatures = temperatures_of(model, logits.shape[1])
    result = evaluate_logits(str(model), logits / np.array(temperatures)[:, np.newaxis], faces, emotions)
    return replace(result, temperatures=tuple(temperatures))


def evaluate_logits(model: str, logits: Logits, faces: FaceSet, emotions: Sequence[str] = ()) -> Evaluation:
    """Compare the logits that ``model`` gave for ``faces``, each head with its own labels.

    They stand for the first of ``faces.classes``; without ``emotions``, all count.
    """
    (annotated, labels), of_votes, of_labels = labels_of(faces), logits[:, 0], logits[:, -1]
    for each in emotions:
        if each not in faces.classes:
            raise DataError(f"emotion {each!r} is none of {', '.join(faces.classes)}")
    # In one order, as the first of equal logits counts.
    emotions = [each for each in faces.classes if each in emotions] or faces.classes
    ferplus = ferplus_contempt = to_votes = None
    if faces.votes is not None:
        ferplus = _measure(of_votes, annotated, emotions, faces.classes)
        if tuple(emotions) == EMOTIONS == faces.classes:
            agreed = majority(faces.votes)
            voted = agreed >= 0
            ferplus_contempt = compute_metrics(softmax(of_votes[voted]), agreed[voted], CLASSES)
            to_votes = reliability(softmax(of_votes), soft_targets(faces)[:, 0]).calibration_error
    measured = _measure(of_labels, labels, emotions, faces.classes)
    return Evaluation(model, faces.data, faces.split, tuple(emotions), measured, ferplus, ferplus_contempt, to_votes)


def labels_of(faces: FaceSet) -> npt.NDArray[np.int64]:
    """The label of each face for each of ``HEADS``: (2, n), positions in its classes, -1 for none.

    The first head has the majority of FER+'s annotators, with contempt as neutral; without votes it has no labels.
    """
    if faces.votes is None:
        annotated = np.full(len(faces), -1)
    else:
        annotated = majority(faces.votes)
        annotated = np.where(annotated == CONTEMPT, NEUTRAL, annotated)
    return np.stack([annotated, faces.labels]).astype(np.int64)


def describe_held_out(model: Path, training: FaceSet, held_out: FaceSet) -> Iterator[str]:
    """How good a model is on few faces that it has not seen, in lines for a terminal, with what chance allows."""
    metrics = evaluate(model, held_out).fer2013
    hits = round(metrics.accuracy * metrics.faces)
    low, high = metrics.interval
    usual = int(np.bincount(training.labels).argmax())
    guessed = float((held_out.labels == usual).mean())
    yield (
        f"{hits} of {metrics.faces} held-out faces are named right, {metrics.accuracy:.0%}: with chance between "
        f"{low:.0%} and {high:.0%} (95 % interval); to say {training.classes[usual]} always would be right for "
        f"{guessed:.0%}"
    )
    if low <= guessed:
        yield "that cannot be told from guessing: bring more faces of each label, of more people"
    for each in metrics.classes:
        low, high = wilson(round(each.recall * each.support), each.support)
        few = "; too few to say" if high - low > WIDE else ""
        yield f"  {each.name}: {each.recall:.0%} of {each.support} found, between {low:.0%} and {high:.0%}{few}"


def temperatures_of(model: Path, heads: int = len(HEADS)) -> list[float]:
    """What a device divides the logits of each of ``heads`` by: 1 unless a release's model.json is beside ``model``.

    Raises:
        ModelError: the manifest cannot be read.
    """
    manifest = model.with_name(MANIFEST_FILE)
    if model.name != MODEL_FILE or not manifest.is_file():
        return [1.0] * heads
    return [head.temperature for head in ClassifierManifest.from_json(manifest.read_bytes(), manifest).heads]


def table(result: Evaluation) -> str:
    """The metrics as text for a terminal."""
    measurements = {
        result.data: result.fer2013,
        "FER+ 7 classes": result.ferplus,
        "FER+ 8 classes": result.ferplus_contempt,
    }
    wide = max(16, 2 + max(map(len, (*measurements, *(each.name for each in result.fer2013.classes)))))
    lines = [f"{result.model} on {result.split}", f"{'':{wide}}{'faces':>7}{'accuracy':>10}{'macro F1':>10}{'ECE':>8}"]
    for name, metrics in measurements.items():
        if metrics is not None:
            lines.append(
                f"{name:{wide}}{metrics.faces:7}{metrics.accuracy:10.2%}{metrics.macro_f1:10.3f}"
                f"{metrics.calibration_error:8.3f}"
            )
    low, high = result.fer2013.interval
    if set(result.temperatures) <= {1.0}:
        lines += ["", "ECE is that of the logits as they are; a release has temperatures, which lower it."]
    else:
        names = HEADS if len(result.temperatures) == len(HEADS) else (OWN_HEAD,)
        divided = " and ".join(f"{each:g} ({name})" for each, name in zip(result.temperatures, names, strict=False))
        lines += ["", f"ECE is that of a device, which divides the logits by {divided}."]
    if result.votes_calibration_error is not None:
        lines += [
            f"Against the annotators' votes instead of their majority, FER+'s is {result.votes_calibration_error:.3f}; "
            "the temperature is chosen for these, since annotators disagree and shares should say so."
        ]
    lines += [f"The accuracy on {result.data} lies between {low:.1%} and {high:.1%} (95 % interval)."]
    for name, metrics in (("FER+ 7 classes", result.ferplus), (result.data, result.fer2013)):
        if metrics is not None:
            lines += ["", f"{name:{wide}}{'faces':>7}{'precision':>10}{'recall':>10}{'F1':>8}"]
            lines += [
                f"{each.name:{wide}}{each.support:7}{each.precision:10.2%}{each.recall:10.2%}{each.f1:8.3f}"
                for each in metrics.classes
            ]
    return "\n".join(lines)


def _measure(
    logits: npt.NDArray[np.float32],
    labels: npt.NDArray[np.integer[Any]],
    emotions: Sequence[str],
    classes: tuple[str, ...],
) -> Metrics:
    """Metrics on the faces whose label (-1 for none), a position in ``classes``, is among ``emotions``."""
    columns = np.array([classes.index(emotion) for emotion in emotions])
    shown = np.isin(labels, columns)
    if not shown.any():
        raise DataError(f"none of the {len(labels)} faces shows {' or '.join(emotions)}; there is nothing to evaluate")
    positions = np.zeros(len(classes), np.int64)
    positions[columns] = np.arange(len(columns))
    known = columns[columns < logits.shape[1]]  # faces with labels that the model lacks are all wrong
    return compute_metrics(softmax(logits[shown][:, known]), positions[labels[shown]], emotions)


def predict(model: Path, pixels: npt.NDArray[np.uint8]) -> Logits:
    """Logits of ``model`` for ``pixels`` (n, 48, 48).

    Raises:
        ModelError: the file cannot be run, or does not map 48x48 grey to seven logits.
    """
    if model.suffix not in (".keras", ".tflite"):
        raise ModelError(f"model {model}: is neither a .keras nor a .tflite file; give one of these")
    if not model.is_file():
        raise ModelError(f"model {model}: does not exist; give a .keras or a .tflite file")
    run = _predict_keras if model.suffix == ".keras" else _predict_tflite
    return run(model, pixels)


def _predict_keras(model: Path, pixels: npt.NDArray[np.uint8]) -> Logits:
    return predict_logits(open_classifier(model), pixels)


def _predict_tflite(model: Path, pixels: npt.NDArray[np.uint8]) -> Logits:
    try:
        interpreter = Interpreter(model.read_bytes())
    except OSError as error:
        raise ModelError(f"model {model}: cannot be read ({error.strerror})") from error
    except ModelError as error:
        raise ModelError(f"model {model}: {error}") from error
    taken, *others = interpreter.inputs
    given = [spec.shape for spec in interpreter.outputs]
    side, channels = taken.shape[1:2], taken.shape[3:]
    square = len(taken.shape) == 4 and side == taken.shape[2:3] and channels in ((1,), (3,))
    if others or not square or len(set(given)) != 1 or len(given[0]) != 2:
        raise ModelError(
            f"model {model}: maps {taken.shape} to {', '.join(map(str, given))}; "
            f"a classifier maps (1, size, size, 1 or 3) to (1, labels), once or {len(HEADS)} times"
        )
    images = np.repeat(resized(pixels, side[0])[..., np.newaxis], channels[0], axis=3)
    outputs = [interpreter.run(quantize(face[np.newaxis], taken.scale, taken.zero_point)) for face in images]
    heads = zip(zip(*outputs, strict=True), interpreter.outputs, strict=True)
    return np.stack([dequantize(np.concatenate(head), spec.scale, spec.zero_point) for head, spec in heads], axis=1)


def resized(pixels: Pixels, side_px: int) -> Pixels:
    """Faces (n, side, side) with other sides."""
    if pixels.shape[1] == side_px:
        return pixels
    how = cv2.INTER_AREA if pixels.shape[1] > side_px else cv2.INTER_LINEAR
    return np.stack([cv2.resize(face, (side_px, side_px), interpolation=how) for face in pixels]).astype(np.uint8)
