"""Writes a page about one model: its run, figures and mistakes, and its accuracy on degraded images.

The page shows faces of the data set, so it stays in the run folder, which is never committed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.labels import EMOTIONS
from edge.model.probabilities import softmax
from train.classifier.degrade import Curve, measure_curves
from train.classifier.evaluate import Evaluation, evaluate_logits, predict, temperatures_of
from train.classifier.metrics import Metrics, reliability
from train.classifier.plots import save_degradations, save_grid, save_reliability
from train.classifier.targets import soft_targets
from train.data.fer2013 import FaceSet
from train.data.ferplus import CLASSES, majority
from train.data.selection import SUBSETS
from train.run.folder import CURVES_FILE, HISTORY_FILE, read_settings
from train.run.page import render
from train.run.plots import save_confusion, save_curves
from train.run.saved import head_names

MAX_MISTAKES = 40


def write_report(run: Path, model: Path, faces: FaceSet, sample: int) -> Path:
    """Evaluate ``model`` on ``faces`` and write ``report/index.html`` with its images into ``run``.

    Args:
        run: a run folder of ``fer-train fit``: run.json and history.csv.
        model: a ``.keras`` or an int8 ``.tflite`` file; if a release's model.json is beside it, its temperatures divide
            the logits, as on the device.
        faces: one split.
        sample: the number of evenly spaced faces to degrade; each curve takes six passes over them.

    Returns:
        The path of the page. ``report.json`` beside it holds the figures.

    Raises:
        ConfigError: ``run`` is not a run folder.
        ModelError: the model cannot be run or its manifest cannot be read.
        DataError: the history cannot be read.
    """
    folder = run / "report"
    settings = read_settings(run)
    logits = predict(model, faces.pixels)
    temperatures = temperatures_of(model, logits.shape[1])
    logits = logits / np.array(temperatures)[:, np.newaxis]
    probabilities = softmax(logits[:, -1])
    whole = evaluate_logits(str(model), logits, faces)
    shown = {each.name for each in whole.fer2013.classes}
    subsets = {name: some for name, some in SUBSETS.items() if shown.intersection(some) and not shown <= set(some)}
    if faces.classes != EMOTIONS:
        subsets = {}
    parts = {name: evaluate_logits(str(model), logits, faces, emotions) for name, emotions in subsets.items()}
    few = faces.select(np.linspace(0, len(faces) - 1, min(sample, len(faces))).astype(np.intp))
    curves = measure_curves(lambda pixels: predict(model, pixels)[:, -1], few)

    folder.mkdir(exist_ok=True)
    save_curves(run / HISTORY_FILE, folder / CURVES_FILE)
    save_confusion(whole.fer2013.confusion, whole.fer2013.names, f"{faces.data} labels", folder / "confusion.png")
    if whole.ferplus_contempt:
        save_confusion(
            whole.ferplus_contempt.confusion, whole.ferplus_contempt.names, "FER+ majority", folder / "ferplus.png"
        )
    targets = soft_targets(faces)
    heads = head_names(faces.classes)[-logits.shape[1] :]
    for index, head in enumerate(heads):
        confidence = reliability(softmax(logits[:, index]), targets[:, index - len(heads)])
        save_reliability(confidence, head, folder / f"reliability-{head}.png")
    _save_mistakes(probabilities, faces, folder / "mistakes.png")
    save_degradations(curves, faces.pixels[_clearest(probabilities, faces)], folder / "degradations.png")
    document = {
        "evaluation": whole.to_dict(),
        "subsets": {name: part.to_dict() for name, part in parts.items()},
        "degradations": {c.degradation.name: dict(zip(c.degradation.levels, c.accuracy, strict=True)) for c in curves},
    }
    (folder / "report.json").write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    page = render(
        "classifier/report.html.j2",
        title=f"{model.name} on {whole.split}: {whole.fer2013.accuracy:.2%}",
        subtitle=f"{model}, {model.stat().st_size:,} bytes",
        figures=_figures(whole, parts),
        subsets=subsets,
        emotions=_emotions(whole),
        has_votes=whole.ferplus_contempt is not None,
        heads=heads,
        data=faces.data,
        temperatures=temperatures,
        sample=len(few),
        degradations=_degradations(curves),
        settings=_flat(settings),
    )
    (folder / "index.html").write_text(page, "utf-8")
    return folder / "index.html"


def _save_mistakes(probabilities: npt.NDArray[np.float64], faces: FaceSet, png: Path) -> None:
    """Draw the most confident mistakes with prediction, label and votes."""
    predictions, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(predictions != faces.labels)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:MAX_MISTAKES]
    captions = [
        f"{faces.classes[predictions[i]]} {confidence[i]:.0%}\nlabel {faces.classes[faces.labels[i]]}" for i in worst
    ]
    if faces.votes is not None:
        agreed = majority(faces.votes[worst])
        captions = [
            f"{caption}\nvotes {CLASSES[k] if k >= 0 else 'disagree'}"
            for caption, k in zip(captions, agreed, strict=True)
        ]
    save_grid(faces.pixels[worst], captions, png)


def _clearest(probabilities: npt.NDArray[np.float64], faces: FaceSet) -> int:
    """The index of the face whose label gets the highest probability, as an example."""
    return int(probabilities[np.arange(len(faces)), faces.labels].argmax())


def _figures(whole: Evaluation, parts: Mapping[str, Evaluation]) -> Iterator[tuple[str, ...]]:
    measured = {whole.data: whole.fer2013, "FER+, 7 classes": whole.ferplus, "FER+, 8 classes": whole.ferplus_contempt}
    measured |= {f"{whole.data}, {name}": part.fer2013 for name, part in parts.items()}
    for name, m in measured.items():
        if m is not None:
            loss = "" if m.log_loss is None else f"{m.log_loss:.3f}"
            yield name, str(m.faces), f"{m.accuracy:.2%}", f"{m.macro_f1:.3f}", loss, f"{m.calibration_error:.3f}"


def _emotions(whole: Evaluation) -> dict[str, list[tuple[str, ...]]]:
    def rows(metrics: Metrics) -> list[tuple[str, ...]]:
        return [
            (each.name, str(each.support), f"{each.precision:.1%}", f"{each.recall:.1%}", f"{each.f1:.3f}")
            for each in metrics.classes
        ]

    tables = {whole.data: rows(whole.fer2013)}
    return tables | {"FER+, 7 classes": rows(whole.ferplus)} if whole.ferplus else tables


def _degradations(curves: Iterable[Curve]) -> Iterator[tuple[str, ...]]:
    for curve in curves:
        kind = curve.degradation
        yield kind.name, *(f"{x:g}: {y:.1%}" for x, y in zip(kind.levels, curve.accuracy, strict=True))


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", f"{value:,}" if type(value) is int else str(value)
