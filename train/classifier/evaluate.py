"""Evaluates a ``.keras`` or an int8 ``.tflite`` file on FER2013 and FER+."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.errors import DataError, ModelError
from edge.labels import EMOTIONS, HEADS
from edge.model.classifier_manifest import ClassifierManifest
from edge.model.int8 import dequantize, quantize
from edge.model.interpreter import Interpreter
from edge.model.probabilities import softmax
from train.classifier.metrics import Metrics, compute_metrics
from train.data.fer2013 import FaceSet
from train.data.ferplus import CLASSES, CONTEMPT, NEUTRAL, majority
from train.run.saved import open_classifier

Logits = npt.NDArray[np.float32]
"""A model's output for n faces: (n, 2, 7), for each of ``HEADS`` in ``EMOTIONS`` order; with a single head the same
twice."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Metrics of one model file on one split, with one forward pass per face.

    ``fer2013`` compares the head of that name with FER2013's labels. ``ferplus`` and ``ferplus_contempt`` compare the
    other head with the majority of FER+'s annotators, on the faces that have one: contempt counts as neutral in the
    first (7 classes) and as wrong in the second (8 classes). Both are None without votes; the second also when only
    some emotions are evaluated.
    """

    model: str
    split: str
    emotions: tuple[str, ...]
    fer2013: Metrics
    ferplus: Metrics | None
    ferplus_contempt: Metrics | None

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts and lists, ready for JSON."""
        return asdict(self)


def evaluate(model: Path, faces: FaceSet, emotions: Sequence[str] = EMOTIONS) -> Evaluation:
    """Run ``model`` over ``faces`` and compare its predictions with the labels and, where there are any, the votes.

    Args:
        model: a ``.keras`` file, or a ``.tflite`` file with int8 input and output.
        faces: one split.
        emotions: leave out faces of other emotions and take the most probable of these as the prediction, to compare
            with systems of four or five classes.

    Raises:
        ModelError: the file cannot be run, or does not map 48x48 grey to seven logits.
        DataError: no face shows one of ``emotions``.
    """
    return evaluate_logits(str(model), predict(model, faces.pixels), faces, emotions)


def evaluate_logits(model: str, logits: Logits, faces: FaceSet, emotions: Sequence[str] = EMOTIONS) -> Evaluation:
    """Compare the logits that ``model`` gave for ``faces``, each head with its own labels."""
    (annotated, labels), (of_votes, of_labels) = labels_of(faces), logits.swapaxes(0, 1)
    ferplus = ferplus_contempt = None
    if faces.votes is not None:
        ferplus = _measure(of_votes, annotated, emotions)
        if tuple(emotions) == EMOTIONS:
            agreed = majority(faces.votes)
            voted = agreed >= 0
            ferplus_contempt = compute_metrics(softmax(of_votes[voted]), agreed[voted], CLASSES)
    return Evaluation(
        model, faces.split, tuple(emotions), _measure(of_labels, labels, emotions), ferplus, ferplus_contempt
    )


def labels_of(faces: FaceSet) -> npt.NDArray[np.int64]:
    """The label of each face for each of ``HEADS``: (2, n), positions in ``EMOTIONS``, -1 for none.

    The first head has the majority of FER+'s annotators, with contempt as neutral; without votes it has no labels.
    """
    if faces.votes is None:
        annotated = np.full(len(faces), -1)
    else:
        annotated = majority(faces.votes)
        annotated = np.where(annotated == CONTEMPT, NEUTRAL, annotated)
    return np.stack([annotated, faces.labels]).astype(np.int64)


def temperatures_of(model: Path) -> list[float]:
    """What a device divides the logits of each head by: 1 unless a release's model.json is beside ``model``.

    Raises:
        ModelError: the manifest cannot be read.
    """
    manifest = model.with_name("model.json")
    if not manifest.is_file():
        return [1.0] * len(HEADS)
    heads = ClassifierManifest.from_json(manifest.read_bytes(), manifest).heads
    return [head.temperature for head in heads] * (len(HEADS) // len(heads))


def table(result: Evaluation) -> str:
    """The metrics as text for a terminal."""
    measurements = {
        "FER2013": result.fer2013,
        "FER+ 7 classes": result.ferplus,
        "FER+ 8 classes": result.ferplus_contempt,
    }
    lines = [f"{result.model} on {result.split}", f"{'':16}{'faces':>7}{'accuracy':>10}{'macro F1':>10}{'ECE':>8}"]
    for name, metrics in measurements.items():
        if metrics is not None:
            lines.append(
                f"{name:16}{metrics.faces:7}{metrics.accuracy:10.2%}{metrics.macro_f1:10.3f}"
                f"{metrics.calibration_error:8.3f}"
            )
    lines += ["", f"{'FER2013':16}{'faces':>7}{'precision':>10}{'recall':>10}{'F1':>8}"]
    lines += [
        f"{each.name:16}{each.support:7}{each.precision:10.2%}{each.recall:10.2%}{each.f1:8.3f}"
        for each in result.fer2013.classes
    ]
    return "\n".join(lines)


def _measure(logits: npt.NDArray[np.float32], labels: npt.NDArray[np.integer[Any]], emotions: Sequence[str]) -> Metrics:
    """Metrics on the faces whose label (-1 for none) is among ``emotions``."""
    columns = np.array([EMOTIONS.index(emotion) for emotion in emotions])
    shown = np.isin(labels, columns)
    if not shown.any():
        raise DataError(f"none of the {len(labels)} faces shows {' or '.join(emotions)}; there is nothing to evaluate")
    positions = np.zeros(len(EMOTIONS), np.int64)
    positions[columns] = np.arange(len(columns))
    return compute_metrics(softmax(logits[shown][:, columns]), positions[labels[shown]], emotions)


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
    return run(model, pixels[..., np.newaxis])


def _predict_keras(model: Path, pixels: npt.NDArray[np.uint8]) -> Logits:
    return np.stack(open_classifier(model).predict(pixels, batch_size=512, verbose=0), axis=1)


def _predict_tflite(model: Path, pixels: npt.NDArray[np.uint8]) -> Logits:
    try:
        interpreter = Interpreter(model.read_bytes())
    except OSError as error:
        raise ModelError(f"model {model}: cannot be read ({error.strerror})") from error
    except ModelError as error:
        raise ModelError(f"model {model}: {error}") from error
    taken, *others = interpreter.inputs
    given = [spec.shape for spec in interpreter.outputs]
    shape, row = (1, *pixels.shape[1:]), (1, len(EMOTIONS))
    if others or taken.shape != shape or given not in ([row], [row] * len(HEADS)):
        raise ModelError(
            f"model {model}: maps {taken.shape} to {', '.join(map(str, given))}; "
            f"a classifier maps {shape} to {row}, once or {len(HEADS)} times"
        )
    outputs = [interpreter.run(quantize(face[np.newaxis], taken.scale, taken.zero_point)) for face in pixels]
    heads = zip(zip(*outputs, strict=True), interpreter.outputs, strict=True)
    logits = np.stack([dequantize(np.concatenate(head), spec.scale, spec.zero_point) for head, spec in heads], axis=1)
    return np.broadcast_to(logits, (len(pixels), len(HEADS), len(EMOTIONS)))
