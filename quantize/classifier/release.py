"""A run folder becomes a release folder, or an error: every step from Keras file to proof."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge.errors import ConfigError, ModelError
from edge.labels import EMOTIONS
from edge.model.classifier_manifest import Manifest
from edge.model.release import MANIFEST_FILE, MODEL_FILE, read_schema
from edge.model.signature import SIGNATURE_FILE
from edge.vision.classifier import EmotionClassifier, load_release
from edge.vision.detector.builtin import BuiltinDetector, load_detector
from edge.vision.detector.manifest import DETECTOR_SCHEMA, DetectorManifest
from quantize.classifier.agreement import answer
from quantize.classifier.calibration import Calibration
from quantize.classifier.card import model_card
from quantize.classifier.compare import Comparison, best_temperatures, compare
from quantize.classifier.manifest import fill_manifest, golden_pixels, summary
from quantize.classifier.report import markdown, save_picture
from quantize.tflite.convert import convert_float, convert_int8, float_logits
from quantize.tflite.equalise import equalise
from quantize.tflite.graph import Graph
from quantize.tflite.latency import Latency, measure_latency
from quantize.tflite.layers import LayerError, layer_errors
from quantize.tflite.runtimes import Difference, compare_runtimes
from quantize.tflite.sign import sign
from quantize.tflite.verify import Contract, DetectorContract, check_range, verify
from train.classifier.evaluate import Logits
from train.data.fer2013 import FaceSet
from train.run.saved import open_classifier

HELD_OUT = "PublicTest"
"""The split that gates a release and sets its temperatures."""

CONVERTED_FROM = "converted_from"
"""Field of a manifest's ``training`` that tells a model of other people from ours."""

MAX_CONVERTED_BYTES = 8_000_000
"""As much as fits into an Edge TPU's memory."""

PROBES = 64
"""Golden pictures, and as many faces, on which runtimes are compared and layers measured."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was released and how it was measured; the first comparison is that of ``HELD_OUT``.

    ``spoilt`` is what int8 reached before the channels were made even, None where that was not needed.
    """

    manifest: Manifest
    graph: Graph
    comparisons: tuple[Comparison, ...]
    layers: tuple[LayerError, ...]
    differences: tuple[Difference, ...]
    latency: Latency
    spoilt: Comparison | None


def release(
    run: Path,
    faces: Mapping[str, FaceSet],
    calibration: Calibration,
    out: Path,
    *,
    splits: Sequence[str] = (),
    pythons: Sequence[Path] = (),
    key: Path | None = None,
    announce: Callable[[str], None] = lambda step: None,
) -> Outcome:
    """Quantise ``run``/model.keras and fill ``out`` once every check has passed; before, nothing is written there.

    Args:
        run: folder with ``model.keras`` and ``run.json``.
        faces: splits of the data; Training, PublicTest and those of ``splits`` are needed.
        calibration: the faces of Training that set the ranges.
        out: release folder; files of an earlier release are replaced.
        splits: what to measure besides PublicTest.
        pythons: interpreters with other TFLite runtimes to compare with.
        key: PEM file with the Ed25519 private key to sign with.
        announce: told of each step, in words.

    Raises:
        ModelError: the model fails a check or the gate.
        ConfigError: the run is no run folder, a split, a Python or the key is missing, or ``out`` cannot be written.
        DataError: the calibration sample does not fit the data.
    """
    training = read_run(run)
    splits = tuple(dict.fromkeys((HELD_OUT, *splits)))
    for split in ("Training", *splits):
        if split not in faces:
            raise ConfigError(f"data has no {split} split, it has {', '.join(faces)}")
    network = open_classifier(run / "model.keras")
    sample = calibration.select(faces["Training"])

    held_out = [faces[split] for split in splits]
    logits = [float_logits(network, each.pixels) for each in held_out]

    announce(f"converting with {len(sample)} calibration faces, comparing on {' and '.join(splits)}")
    model, graph, comparisons = _quantise(network, sample, held_out, logits)
    spoilt = None
    if not comparisons[0].passes:
        announce("int8 loses too much: making the channels even, converting and comparing again")
        spoilt, network = comparisons[0], equalise(network, sample.pixels)
        model, graph, comparisons = _quantise(network, sample, held_out, logits)
    comparisons[0].check()

    announce("measuring the noise of each layer, and speed")
    in_float = convert_float(network)
    layers = layer_errors(in_float, model, sample.pixels[:: -(-len(sample) // PROBES)])
    latency = measure_latency(in_float, model)

    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder)
        (built / MODEL_FILE).write_bytes(model)
        announce("comparing runtimes")
        drawn = golden_pixels(range(PROBES), graph.inputs[0].shape)
        probes = np.concatenate([drawn, faces[HELD_OUT].pixels[:PROBES, ..., np.newaxis]])
        differences = compare_runtimes(built / MODEL_FILE, probes, pythons)
        name = run.resolve().name
        manifest = fill_manifest(
            model,
            graph,
            name,
            differences,
            temperatures={head: each.temperature for head, each in comparisons[0].tempered.items()},
            metrics={each.original.split: summary(each) for each in comparisons},
            training={
                "run": name,
                **training,
                "calibration": {"faces": len(sample), "sha256": calibration.sha256},
                "equalised": spoilt and {"lost_without": spoilt.lost, "agreement_without": spoilt.agreement},
            },
        )
        page = markdown(comparisons, layers, differences, latency, spoilt)
        (built / MANIFEST_FILE).write_text(manifest.to_json(), "utf-8")
        (built / "MODEL_CARD.md").write_text(model_card(manifest, comparisons[0], len(model)), "utf-8")
        (built / "comparison.md").write_text(page, "utf-8")
        save_picture(comparisons[0], layers, built / "comparison.png")
        announce("loading the release as a device does")
        publish(built, out, key)
    return Outcome(manifest, graph, comparisons, layers, differences, latency, spoilt)


def _quantise(
    network: Any, sample: FaceSet, held_out: Sequence[FaceSet], logits: Sequence[Logits]
) -> tuple[bytes, Graph, tuple[Comparison, ...]]:
    """Convert, check, and compare with the ``logits`` of the float network; the first split sets the temperatures."""
    model = convert_int8(network, sample.pixels)
    graph = verify(model)
    check_range(graph, *float_logits(network, sample.pixels).swapaxes(0, 1))
    answers = [
        answer(model, faces.pixels).logits.reshape(expected.shape)
        for faces, expected in zip(held_out, logits, strict=True)
    ]
    temperatures = best_temperatures(answers[0], held_out[0])
    parts = zip(logits, answers, held_out, strict=True)
    return model, graph, tuple(compare(*part, temperatures) for part in parts)


def prove(folder: Path) -> Manifest | DetectorManifest:
    """Load a release folder as the daemon does, and check its file and labels as strictly as when it was made.

    Raises:
        ModelError: file, manifest, labels or answers do not belong together.
    """
    if read_schema(folder) == DETECTOR_SCHEMA:
        face = load_detector(folder)
        verify(face.model, DetectorContract(face.manifest.input.shape, face.manifest.strides))
        BuiltinDetector(face)
        return face.manifest
    released = load_release(folder)
    manifest = released.manifest
    if CONVERTED_FROM in manifest.training:
        verify(released.model, Contract(manifest.input.shape, manifest.labels, MAX_CONVERTED_BYTES))
    else:
        verify(released.model)
        if manifest.labels != EMOTIONS:
            raise ModelError(
                f"model {manifest.id}: labels are {', '.join(manifest.labels)}; "
                f"accepted from fer-train is the order {', '.join(EMOTIONS)}"
            )
    EmotionClassifier(released)
    return manifest


def read_run(run: Path) -> dict[str, Any]:
    """The settings of a run folder.

    Raises:
        ConfigError: it holds no ``run.json`` of fer-train.
    """
    advice = "expected a folder of fer-train fit"
    try:
        document = json.loads((run / "run.json").read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"run {run}: run.json cannot be read ({error.strerror}); {advice}") from error
    except ValueError as error:
        raise ConfigError(f"run {run}: run.json is not JSON ({error}); {advice}") from error
    if not isinstance(document, dict):
        raise ConfigError(f"run {run}: run.json holds no settings; {advice}")
    return document


def publish(built: Path, out: Path, key: Path | None) -> None:
    """Prove the folder ``built``, sign it with ``key`` and copy it to ``out`` file by file, the manifest last: a folder
    caught half-way does not load.

    Raises:
        ModelError: see ``prove``.
        ConfigError: ``out`` cannot be written, or ``key`` cannot sign.
    """
    prove(built)
    if key is not None:
        sign(built / MANIFEST_FILE, key)
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / SIGNATURE_FILE).unlink(missing_ok=True)  # one of an earlier release
        for file in sorted(built.iterdir(), key=lambda file: file.name == MANIFEST_FILE):
            shutil.copyfile(file, out / file.name)
    except OSError as error:
        raise ConfigError(f"release folder {out}: cannot be written ({error.strerror}); name another place") from error
