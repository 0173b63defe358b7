"""A classifier that somebody else trained becomes a release, which the daemon runs from its manifest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.errors import ModelError
from edge.model.classifier_manifest import ClassifierManifest
from edge.model.probabilities import softmax
from edge.records import Pixels
from quantize.classifier.agreement import MAX_LOST, MIN_AGREEMENT, best_temperature
from quantize.classifier.calibration import spanning
from quantize.classifier.images import Images
from quantize.classifier.input_range import find_input
from quantize.classifier.manifest import fill_manifest
from quantize.manifest import golden_images
from quantize.release import CONVERTED_FROM, PROBES, publish
from quantize.report import percent
from quantize.tflite.convert import quantise
from quantize.tflite.inference import run
from quantize.tflite.runtimes import compare_runtimes
from quantize.tflite.verify import MAX_CONVERTED_BYTES, check_range, classifier_requirements, verify
from train.foreign.evidence import is_better
from train.foreign.label_file import read_labels
from train.foreign.opener import open_third_party
from train.tflite.float_model import with_logits, with_range
from train.tflite.graph import Graph, read_graph
from train.tflite.run import run_float

LICENCE = "That of the model that was converted; ask its authors."

DECIDED = 0.5
"""Distance of the two highest logits, at the head's temperature, from which on float itself has decided. Below it, the
first has less than 1.65 times the probability of the second."""

FEW = 20
"""Fewer images may well show the same expression."""

_PARTS = ((4, 0), (4, 1), (8, 0), (8, 1))
"""Every n-th image from the first or second: 50 or 25 of 200. A network of separable layers for FER2013 agrees with
float on 92 % of PublicTest with the ranges of 200 images of Training, and on 94 % to 96 % with those of 25 or 50."""

_ADVICE = (
    "give more and real faces with --calibration, or train it again with batch normalisation behind each convolution"
)


@dataclass(frozen=True, slots=True)
class Fidelity:
    """How int8 answers beside float, on ``images`` that did not set its ranges.

    ``agreement`` is the share with the same label on top, ``decided_agreement`` that of the images on which float has
    decided, see ``DECIDED``, which are the share ``decided`` of all. The accuracies are None without labels. The logit
    error is the largest absolute difference.
    """

    images: int
    agreement: float
    decided: float
    decided_agreement: float
    accuracy: float | None
    accuracy_int8: float | None
    largest_logit_error: float


@dataclass(frozen=True, slots=True)
class ImportOutcome:
    """What was released, and how it was measured; ``accuracies`` are by the range of the input that was tried."""

    manifest: ClassifierManifest
    size_bytes: int
    input_range: str
    ending: str
    accuracies: Mapping[str, float]
    fidelity: Fidelity


def import_model(
    model: Path,
    read_images: Callable[[int], tuple[Images, Images]],
    out: Path,
    *,
    labels: Path | None = None,
    input_range: str | None = None,
    size_px: int | None = None,
    pythons: Sequence[Path] = (),
    key: Path | None = None,
) -> ImportOutcome:
    """Quantise ``model`` and fill ``out``; until every check has passed, nothing is written there.

    A softmax at its end is removed: the host computes it.

    Args:
        model: see ``open_third_party``.
        read_images: called with the side in pixels that the model takes; returns images that set the ranges, and others
            that compare float with int8. With labels they also tell the range of the input and the order of the labels.
        out: release folder; files of an earlier release are replaced.
        labels: see ``read_labels``; None takes those beside the model, or finds them.
        input_range: one of ``INPUT_RANGES``; None finds it.
        size_px: the side of the images, for a network that takes every size.
        pythons: interpreters with other TFLite runtimes to compare.
        key: PEM file with the Ed25519 private key to sign with.

    Raises:
        ModelError: the model fails a check, or int8 agrees too little with float.
        ConfigError: a Python or the key is missing, or ``out`` cannot be written.
        DataError: the images cannot be read.
    """
    opened = open_third_party(model, size_px)
    names = read_labels(labels) if labels else opened.labels
    sample, others = read_images(opened.size_px)
    if input_range is None and opened.teachable and not others.classes:
        input_range = "-1..1"  # Teachable Machine's only one
    try:
        network, ending = with_logits(opened.network, len(names) or len(others.classes) or None)
        found = find_input(network, names, input_range, sample, others)
        others = others.among(found.labels)
        original = with_range(network, found.range.scale, found.range.offset)
        before = run_float(original, others.pixels)
        _check_answers(before, others, found.labels)
        temperature = (
            best_temperature(before, np.eye(before.shape[1], dtype=np.float32)[others.labels])
            if others.classes
            else 1.0
        )
        first = quantise(original, sample.pixels)
        _verify(first, original, found.labels)  # before it is run
        quantised, calibration = _nearest(first, original, sample.pixels)
        graph = _verify(quantised, original, found.labels)
        check_range(graph, run_float(original, calibration))
        fidelity = _compare(before, run(quantised, others.pixels).dequantized, others, temperature)
    except ModelError as error:
        raise ModelError(f"model {model}: {error}") from error
    manifest = fill_manifest(
        quantised,
        graph,
        model.stem,
        compare_runtimes(quantised, golden_images(range(PROBES), graph.inputs[0].shape), pythons),
        labels=found.labels,
        temperatures={"emotion": temperature},
        metrics={**asdict(fidelity), "accuracy_by_range": found.accuracies},
        training={
            CONVERTED_FROM: model.name,
            "input_range": found.range.name,
            "calibration": {"images": len(calibration)},
        },
        licence=LICENCE,
    )
    publish(quantised, manifest, {}, out, key)
    return ImportOutcome(manifest, len(quantised), found.range.name, ending, found.accuracies, fidelity)


def _nearest(first: bytes, original: bytes, pixels: Pixels) -> tuple[bytes, Pixels]:
    """The int8 file ``first``, or where it agrees too little one with other ranges, and the images that set these.

    The extreme values of many images widen the ranges, and so the steps of all other values. Ranges of fewer images
    clip these values. Which is better differs by network, so that some are tried: the nearest to float over all of
    ``pixels`` is taken.
    """
    wanted = run_float(original, pixels)
    given = run(first, pixels).dequantized
    if (given.argmax(axis=1) == wanted.argmax(axis=1)).mean() >= MIN_AGREEMENT:
        return first, pixels
    tried = [(_distance(given, wanted), first, pixels)]
    for part in (spanning(pixels[start::step]) for step, start in _PARTS if len(pixels) >= FEW * step):
        quantised = quantise(original, part)
        tried.append((_distance(run(quantised, pixels).dequantized, wanted), quantised, part))
    _, quantised, part = min(tried, key=lambda each: each[0])
    return quantised, part


def _distance(logits: npt.NDArray[np.float32], others: npt.NDArray[np.float32]) -> float:
    """The mean difference of the probabilities: finer than agreement, of which 200 images tell only steps."""
    return float(np.abs(softmax(logits) - softmax(others)).mean())


def _verify(quantised: bytes, original: bytes, labels: tuple[str, ...]) -> Graph:
    shape = read_graph(original).inputs[0].shape
    return verify(quantised, classifier_requirements(shape, labels, 1, MAX_CONVERTED_BYTES))


def _check_answers(logits: npt.NDArray[np.float32], images: Images, labels: tuple[str, ...]) -> None:
    """Refuse a network that says the same of every image, or is right no more often than by chance."""
    top = logits.argmax(axis=1)
    if len(images) >= FEW and (top == top[0]).all():
        raise ModelError(
            f"says {labels[top[0]]!r} for each of {len(images)} images; check --input-range, and that the images are "
            "faces as it was trained on"
        )
    if not images.classes:
        return
    right = top == images.labels
    shown = [right[images.labels == label] for label in np.unique(images.labels)]
    recall = float(np.mean([each.mean() for each in shown]))
    error = np.sqrt(np.sum([each.var() / len(each) for each in shown])) / len(shown)
    if recall - 2 * error <= 1 / len(labels):
        raise ModelError(
            f"is right for {percent(float(right.mean()))} of {len(images)} images, which is chance; give its own "
            "labels with --labels, and images of faces as it was trained on"
        )


def _compare(
    before: npt.NDArray[np.float32], after: npt.NDArray[np.float32], images: Images, temperature: float
) -> Fidelity:
    """Measure int8 beside float, and refuse it where it is too far away."""
    highest = np.sort(before, axis=1) / temperature
    decided = highest[:, -1] - highest[:, -2] >= DECIDED
    same = before.argmax(axis=1) == after.argmax(axis=1)
    known = bool(images.classes)
    right, right_int8 = (each.argmax(axis=1) == images.labels for each in (before, after))
    fidelity = Fidelity(
        images=len(images),
        agreement=float(same.mean()),
        decided=float(decided.mean()),
        decided_agreement=float(same[decided if decided.any() else ...].mean()),
        accuracy=float(right.mean()) if known else None,
        accuracy_int8=float(right_int8.mean()) if known else None,
        largest_logit_error=float(np.abs(before - after).max()),
    )
    if fidelity.decided_agreement < MIN_AGREEMENT:
        raise ModelError(
            f"int8 agrees with float on {percent(fidelity.decided_agreement)} of the images on which float has "
            f"decided, at least {100 * MIN_AGREEMENT:.0f} % are needed; {_ADVICE}"
        )
    if known and is_better(right, right_int8, MAX_LOST):
        raise ModelError(
            f"int8 is right for {percent(right_int8.mean())} of {len(images)} images and float for "
            f"{percent(right.mean())}; {_ADVICE}"
        )
    return fidelity
