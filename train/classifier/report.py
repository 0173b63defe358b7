"""One page on one model: its run, its figures, its mistakes, and how a poor picture harms it.

The page shows faces of the data set, so it belongs into the run folder, which is never committed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.errors import ConfigError
from edge.labels import EMOTIONS, HEADS
from edge.model.classifier_manifest import Manifest
from train.classifier.degrade import Curve, curves
from train.classifier.evaluate import Evaluation, judge, predict
from train.classifier.metrics import Metrics, reliability, softmax
from train.classifier.plots import save_degradations, save_grid, save_reliability
from train.classifier.targets import soft_targets
from train.data.fer2013 import FaceSet
from train.data.ferplus import CLASSES, majority
from train.run.page import note, page, pair, picture, table
from train.run.plots import save_confusion, save_curves

SUBSETS = {
    "5 emotions": tuple(emotion for emotion in EMOTIONS if emotion not in ("disgust", "neutral")),
    "4 emotions": ("happy", "sad", "surprise", "neutral"),
}
"""What systems of fewer classes answer among; accuracy on them compares with theirs."""

MISTAKES = 40


def write_report(run: Path, model: Path, faces: FaceSet, sample: int) -> Path:
    """Measure ``model`` on ``faces`` and write ``report/index.html`` with its pictures into ``run``.

    Args:
        run: a run folder of ``fer-train fit``: run.json and history.csv.
        model: a ``.keras`` or an int8 ``.tflite`` file; where a release's model.json lies beside it, its temperatures
            divide the logits, as they do on the device.
        faces: one split.
        sample: how many of the faces are degraded, drawn evenly; a curve costs six passes over them.

    Returns:
        The page. ``report.json`` beside it holds the figures.

    Raises:
        ConfigError: ``run`` is no run folder.
        ModelError: the model cannot be run, or its manifest not be read.
        DataError: the history cannot be read.
    """
    folder = run / "report"
    settings = _read_settings(run)
    logits = predict(model, faces.pixels) / np.array(_temperatures(model))[:, np.newaxis]
    probabilities = softmax(logits[:, -1])
    whole = judge(str(model), logits, faces)
    parts = {name: judge(str(model), logits, faces, emotions) for name, emotions in SUBSETS.items()}
    few = faces.select(np.linspace(0, len(faces) - 1, min(sample, len(faces))).astype(np.intp))
    degraded = curves(lambda pixels: predict(model, pixels)[:, -1], few)

    folder.mkdir(exist_ok=True)
    save_curves(run / "history.csv", folder / "curves.png")
    save_confusion(whole.fer2013.confusion, EMOTIONS, "FER2013 labels", folder / "confusion.png")
    if whole.ferplus_contempt:
        save_confusion(whole.ferplus_contempt.confusion, CLASSES, "FER+ majority", folder / "ferplus.png")
    targets = soft_targets(faces)
    for place, head in enumerate(HEADS):
        sure = reliability(softmax(logits[:, place]), targets[:, place])
        save_reliability(sure, head, folder / f"reliability-{head}.png")
    _save_mistakes(probabilities, faces, folder / "mistakes.png")
    save_degradations(degraded, faces.pixels[_clearest(probabilities, faces)], folder / "degradations.png")
    document = {
        "evaluation": whole.to_dict(),
        "subsets": {name: part.to_dict() for name, part in parts.items()},
        "degradations": {
            c.degradation.name: dict(zip(c.degradation.levels, c.accuracy, strict=True)) for c in degraded
        },
    }
    (folder / "report.json").write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    index = folder / "index.html"
    index.write_text(_page(model, settings, whole, parts, degraded, len(few)), "utf-8")
    return index


def _read_settings(run: Path) -> dict[str, Any]:
    try:
        settings: dict[str, Any] = json.loads((run / "run.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"run {run}: holds no run.json that can be read, expected a folder of fer-train fit"
        ) from error
    return settings


def _temperatures(model: Path) -> list[float]:
    manifest = model.with_name("model.json")
    if not manifest.is_file():
        return [1.0] * len(HEADS)
    return [head.temperature for head in Manifest.from_json(manifest.read_bytes(), manifest).heads]


def _save_mistakes(probabilities: npt.NDArray[np.float64], faces: FaceSet, png: Path) -> None:
    """The wrong answers that the model was surest of, with what label and annotators say."""
    answers, sure = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(answers != faces.labels)
    worst = wrong[np.argsort(-sure[wrong], kind="stable")][:MISTAKES]
    captions = [f"{EMOTIONS[answers[i]]} {sure[i]:.0%}\nlabel {EMOTIONS[faces.labels[i]]}" for i in worst]
    if faces.votes is not None:
        agreed = majority(faces.votes[worst])
        captions = [
            f"{caption}\nvotes {CLASSES[k] if k >= 0 else 'disagree'}"
            for caption, k in zip(captions, agreed, strict=True)
        ]
    save_grid(faces.pixels[worst], captions, png)


def _clearest(probabilities: npt.NDArray[np.float64], faces: FaceSet) -> int:
    """The face whose label the model is surest of, for an example."""
    return int(probabilities[np.arange(len(faces)), faces.labels].argmax())


def _page(
    model: Path,
    settings: Mapping[str, Any],
    whole: Evaluation,
    parts: Mapping[str, Evaluation],
    degraded: Iterable[Curve],
    sample: int,
) -> str:
    measured = {"FER2013": whole.fer2013, "FER+, 7 classes": whole.ferplus, "FER+, 8 classes": whole.ferplus_contempt}
    measured |= {f"FER2013, {name}": part.fer2013 for name, part in parts.items()}
    subsets = "; ".join(f"{name}: {', '.join(emotions)}" for name, emotions in SUBSETS.items())
    sections = {
        "Figures": table(("", "faces", "accuracy", "macro F1", "log loss", "ECE"), _figures(measured))
        + note(f"One forward pass per face. Of fewer emotions, the best of these is the answer ({subsets}).")
        + note("FER+ is the majority of ten annotators; contempt counts as neutral in 7 classes, as wrong in 8."),
        "Emotions": pair(
            *(
                table((labels, "faces", "precision", "recall", "F1"), _emotions(metrics))
                for labels, metrics in (("FER2013", whole.fer2013), ("FER+, 7 classes", whole.ferplus))
                if metrics
            )
        ),
        "Confusion": pair(picture("confusion.png"), picture("ferplus.png") if whole.ferplus_contempt else ""),
        "Reliability": pair(*(picture(f"reliability-{head}.png") for head in HEADS))
        + note("The head ferplus against the votes of FER+, the head fer2013 against FER2013's labels.")
        + note(f"Logits were divided by the temperatures {_temperatures(model)} before the softmax."),
        "Most confident mistakes": picture("mistakes.png"),
        "Poor pictures": picture("degradations.png")
        + note(f"Accuracy on {sample} faces of the split, FER2013 labels; below each curve one face at its levels.")
        + table(("level: accuracy", *[""] * 6), _losses(degraded)),
        "Training": picture("curves.png"),
        "Settings": table(("", ""), _flat(settings)),
    }
    title = f"{model.name} on {whole.split}: {whole.fer2013.accuracy:.2%}"
    return page(title, f"{model}, {model.stat().st_size:,} bytes", sections)


def _figures(measured: Mapping[str, Metrics | None]) -> Iterator[tuple[str, ...]]:
    for name, m in measured.items():
        if m is not None:
            loss = "" if m.log_loss is None else f"{m.log_loss:.3f}"
            yield name, str(m.faces), f"{m.accuracy:.2%}", f"{m.macro_f1:.3f}", loss, f"{m.calibration_error:.3f}"


def _emotions(metrics: Metrics) -> Iterator[tuple[str, ...]]:
    for each in metrics.classes:
        yield each.name, str(each.support), f"{each.precision:.1%}", f"{each.recall:.1%}", f"{each.f1:.3f}"


def _losses(degraded: Iterable[Curve]) -> Iterator[tuple[str, ...]]:
    for curve in degraded:
        kind = curve.degradation
        yield kind.name, *(f"{x:g}: {y:.1%}" for x, y in zip(kind.levels, curve.accuracy, strict=True))


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", f"{value:,}" if type(value) is int else str(value)
