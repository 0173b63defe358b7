"""A classifier of other people becomes a release that the daemon runs from its manifest."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.errors import ModelError
from edge.model.classifier_manifest import Manifest
from edge.model.release import MANIFEST_FILE, MODEL_FILE
from quantize.classifier.agreement import answer
from quantize.classifier.compare import MIN_AGREEMENT
from quantize.classifier.logits import without_softmax
from quantize.classifier.manifest import fill_manifest, golden_pixels
from quantize.classifier.release import CONVERTED_FROM, MAX_CONVERTED_BYTES, PROBES, publish
from quantize.classifier.third_party import load_foreign, read_labels
from quantize.tflite.convert import convert_float, convert_int8
from quantize.tflite.runtimes import answer_in_float, compare_runtimes
from quantize.tflite.verify import Contract, check_range, verify

LICENCE = "That of the model that was converted; ask its authors."


@dataclass(frozen=True, slots=True)
class Adoption:
    """What was released, and how far int8 strays from float on ``pictures`` that did not set its ranges.

    ``agreement`` is the share with the same answer on top; the logit error is an absolute difference, in logits.
    """

    manifest: Manifest
    size_bytes: int
    pictures: int
    agreement: float
    largest_logit_error: float


def adopt(
    model: Path,
    labels: Path,
    input_range: str,
    pictures_of: Callable[[int], npt.NDArray[np.uint8]],
    out: Path,
    *,
    pythons: Sequence[Path] = (),
    key: Path | None = None,
) -> Adoption:
    """Quantise ``model`` and fill ``out`` once every check has passed; before, nothing is written there.

    A softmax at its end is taken off: the host computes it. Accuracy is not measured, which would need faces labelled
    as the model was taught; the temperature is therefore 1.

    Args:
        model: a ``.keras`` or ``.h5`` file or a SavedModel folder.
        labels: text file, see ``read_labels``.
        input_range: one of ``foreign.INPUT_RANGES``.
        pictures_of: gives grey faces uint8 (n, side, side) of the side in pixels that the model takes; every other one
            sets the ranges, the rest compares float with int8.
        out: release folder; files of an earlier release are replaced.
        pythons: interpreters with other TFLite runtimes to compare with.
        key: PEM file with the Ed25519 private key to sign with.

    Raises:
        ModelError: the model fails a check, or int8 agrees too little with float.
        ConfigError: a Python or the key is missing, or ``out`` cannot be written.
        DataError: the pictures cannot be read.
    """
    names = read_labels(labels)
    network = load_foreign(model, names, input_range)
    pictures = pictures_of(network.input_shape[1])
    sample, others = pictures[::2], pictures[1::2]
    original = without_softmax(convert_float(network))
    quantised = without_softmax(convert_int8(network, sample))
    graph = verify(quantised, Contract((1, *network.input_shape[1:]), names, MAX_CONVERTED_BYTES))
    if graph.operators[-1].name == "LOGISTIC":
        raise ModelError(
            f"model {model}: ends with a sigmoid, accepted are logits or a softmax; train it for one answer"
        )
    check_range(graph, answer_in_float(original, sample))
    before, after = answer_in_float(original, others), answer(quantised, others).logits
    agreement = float((before.argmax(axis=1) == after.argmax(axis=1)).mean())
    largest = float(np.abs(before - after).max())
    if agreement < MIN_AGREEMENT:
        raise ModelError(
            f"int8 agrees with float on {100 * agreement:.2f} % of {len(others)} pictures, accepted are "
            f"{100 * MIN_AGREEMENT:.0f} %; name more and real faces with --calibration, or check --input-range"
        )
    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder)
        (built / MODEL_FILE).write_bytes(quantised)
        differences = compare_runtimes(built / MODEL_FILE, golden_pixels(range(PROBES), graph.inputs[0].shape), pythons)
        manifest = fill_manifest(
            quantised,
            graph,
            model.stem,
            differences,
            labels=names,
            temperatures={"emotion": 1.0},
            metrics={"pictures": len(others), "agreement": agreement, "largest_logit_error": largest},
            training={CONVERTED_FROM: model.name, "input_range": input_range, "calibration": {"pictures": len(sample)}},
            licence=LICENCE,
        )
        (built / MANIFEST_FILE).write_text(manifest.to_json(), "utf-8")
        publish(built, out, key)
    return Adoption(manifest, len(quantised), len(others), agreement, largest)
