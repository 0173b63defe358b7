"""A classifier that somebody else trained becomes a release, which the daemon runs from its manifest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.errors import ModelError
from edge.model.classifier_manifest import ClassifierManifest
from quantize.classifier.agreement import MIN_AGREEMENT
from quantize.classifier.manifest import fill_manifest
from quantize.classifier.third_party import open_third_party, read_labels
from quantize.manifest import golden_images
from quantize.release import CONVERTED_FROM, MAX_CONVERTED_BYTES, PROBES, publish
from quantize.tflite.convert import convert_float, convert_int8
from quantize.tflite.inference import run
from quantize.tflite.runtimes import compare_runtimes, run_float
from quantize.tflite.softmax import without_softmax
from quantize.tflite.verify import check_range, classifier_requirements, verify

LICENCE = "That of the model that was converted; ask its authors."


@dataclass(frozen=True, slots=True)
class ImportOutcome:
    """What was released, and how far int8 is from float on ``images`` images that did not set its ranges.

    ``agreement`` is the share with the same label on top; the logit error is an absolute difference, in logits.
    """

    manifest: ClassifierManifest
    size_bytes: int
    images: int
    agreement: float
    largest_logit_error: float


def import_model(
    model: Path,
    labels: Path,
    input_range: str,
    read_images: Callable[[int], npt.NDArray[np.uint8]],
    out: Path,
    *,
    pythons: Sequence[Path] = (),
    key: Path | None = None,
) -> ImportOutcome:
    """Quantise ``model`` and fill ``out``; until every check has passed, nothing is written there.

    A softmax at its end is removed: the host computes it. Accuracy is not measured, as that needs faces with the labels
    of the model's training; the temperature is therefore 1.

    Args:
        model: a ``.keras`` or ``.h5`` file or a SavedModel folder.
        labels: text file, see ``read_labels``.
        input_range: one of ``third_party.INPUT_RANGES``.
        read_images: called with the side in pixels that the model takes; returns grey faces, uint8 (n, side, side).
            Every other image sets the ranges, the rest compares float with int8.
        out: release folder; files of an earlier release are replaced.
        pythons: interpreters with other TFLite runtimes to compare.
        key: PEM file with the Ed25519 private key to sign with.

    Raises:
        ModelError: the model fails a check, or int8 agrees too little with float.
        ConfigError: a Python or the key is missing, or ``out`` cannot be written.
        DataError: the images cannot be read.
    """
    names = read_labels(labels)
    network = open_third_party(model, names, input_range)
    images = read_images(network.input_shape[1])
    sample, others = images[::2], images[1::2]
    original = without_softmax(convert_float(network))
    quantised = without_softmax(convert_int8(network, sample))
    input_shape = (1, *network.input_shape[1:])
    graph = verify(quantised, classifier_requirements(input_shape, names, 1, MAX_CONVERTED_BYTES))
    if graph.operators[-1].name == "LOGISTIC":
        raise ModelError(
            f"model {model}: ends with a sigmoid, expected logits or a softmax; train it to predict one label"
        )
    check_range(graph, run_float(original, sample))
    before, after = run_float(original, others), run(quantised, others).dequantized
    agreement = float((before.argmax(axis=1) == after.argmax(axis=1)).mean())
    largest = float(np.abs(before - after).max())
    if agreement < MIN_AGREEMENT:
        raise ModelError(
            f"int8 agrees with float on {100 * agreement:.2f} % of {len(others)} images, at least "
            f"{100 * MIN_AGREEMENT:.0f} % are needed; name more and real faces with --calibration, or check "
            "--input-range"
        )
    manifest = fill_manifest(
        quantised,
        graph,
        model.stem,
        compare_runtimes(quantised, golden_images(range(PROBES), graph.inputs[0].shape), pythons),
        labels=names,
        temperatures={"emotion": 1.0},
        metrics={"images": len(others), "agreement": agreement, "largest_logit_error": largest},
        training={CONVERTED_FROM: model.name, "input_range": input_range, "calibration": {"images": len(sample)}},
        licence=LICENCE,
    )
    publish(quantised, manifest, {}, out, key)
    return ImportOutcome(manifest, len(quantised), len(others), agreement, largest)
