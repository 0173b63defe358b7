"""A detector's run folder becomes a release folder, once every check has passed."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.errors import ModelError
from edge.model.release import MANIFEST_FILE, MODEL_FILE, REFINER_FOLDER, Release
from edge.records import Pixels
from edge.vision.crop import CropRule
from edge.vision.detector.builtin import BuiltinDetector, DetectorRelease
from edge.vision.detector.letterbox import letterbox
from edge.vision.detector.manifest import DetectorManifest, map_shapes
from edge.vision.detector.refiner import RefinerManifest
from quantize.detector.agreement import Comparison, compare
from quantize.detector.calibration import SEED, draw_scenes
from quantize.detector.card import model_card
from quantize.detector.cost import Cost
from quantize.detector.manifest import fill_manifest, value_order
from quantize.detector.refiner import QuantisedRefiner, quantise_refiner
from quantize.detector.report import chart, comparison_page
from quantize.manifest import GOLDEN_SEEDS, golden_images
from quantize.release import PROBES, publish, read_run
from quantize.tflite.convert import convert_float, convert_int8
from quantize.tflite.latency import Latency, measure_latency
from quantize.tflite.layers import LayerError, layer_errors
from quantize.tflite.runtimes import Difference, compare_runtimes
from quantize.tflite.verify import check_range, detector_requirements, verify
from train.classifier.crop_rule import CropMeasurement, measure_crop
from train.detector.candidates import Candidate
from train.detector.development import Frame
from train.detector.evaluate import evaluate, find_faces
from train.detector.metrics import MIN_SCORE
from train.detector.predict import letterboxed, predict
from train.detector.refiner.recipe import CANDIDATE_THRESHOLD
from train.detector.refiner.refine import refined
from train.detector.synthesis.sprites import Collection
from train.run.saved import open_model
from train.tflite.graph import Graph

KEEP = 0.7
"""Score that keeps a track, as a share of the one that begins it. On invented films (``train.detector.count``) 0.7
finds nearly as much as 0.5 where people sit, come, pass by or tilt their heads, and keeps fewer that turned away."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was released and how it was measured."""

    manifest: DetectorManifest
    graph: Graph
    comparison: Comparison
    crop: CropMeasurement
    layers: tuple[LayerError, ...]
    differences: tuple[Difference, ...]
    latency: Latency
    refiner: QuantisedRefiner | None


def release(
    run: Path,
    collection: Collection,
    development: Mapping[str, Sequence[Frame]],
    faces: npt.NDArray[np.uint8],
    out: Path,
    *,
    refiner: Path | None = None,
    peers: Sequence[Candidate] = (),
    pythons: Sequence[Path] = (),
    key: Path | None = None,
    announce: Callable[[str], None] = lambda step: None,
) -> Outcome:
    """Quantise a detector, and its refiner, and fill ``out``; until every check has passed, nothing is written there.

    Args:
        run: folder with ``model.keras`` and ``run.json``.
        collection: what the network was trained on; scenes drawn from it set the ranges.
        development: frames that the network has not seen; they gate the release and set the threshold.
        faces: FER2013's PublicTest, uint8 (n, 48, 48), on which the crop rule is measured.
        out: release folder; files of an earlier release are replaced.
        refiner: run folder of the refiner that was trained for this detector; None releases the detector alone.
        peers: other detectors, for the card.
        pythons: interpreters with other TFLite runtimes to compare.
        key: PEM file with the Ed25519 private key to sign with.
        announce: called with a description of each step.

    Raises:
        ModelError: the model fails a check or the gate.
        ConfigError: the run is no run folder, a Python or the key is missing, or ``out`` cannot be written.
        DataError: the detector finds too few of ``faces``.
    """
    training = read_run(run)
    network, strides = open_detector(run / "model.keras")
    shape: tuple[int, ...] = (1, *network.input_shape[1:])

    announce("drawing calibration scenes, converting")
    sample = draw_scenes(collection, (shape[1], shape[2]))
    model = convert_int8(network, sample)
    graph = verify(model, detector_requirements(shape, strides))
    maps = {output.shape[1:]: output for output in network.predict(sample[..., np.newaxis], verbose=0)}
    check_range(graph, *(maps[output.shape[1:]] for output in graph.outputs))

    # Of thousands of values, a few differ much in cells without a face. Other images than the golden ones would set a
    # tolerance within which two golden images look alike.
    golden = golden_images(GOLDEN_SEEDS, shape)
    golden_differences = compare_runtimes(model, golden, pythons, value_order(graph, strides))
    draft = fill_manifest(
        model,
        graph,
        run.resolve().name,
        golden_differences,
        strides=strides,
        threshold=MIN_SCORE,
        keep_threshold=MIN_SCORE,
        crop=CropRule(1.0),
        metrics={},
        training={
            "run": run.resolve().name,
            **training,
            "calibration": {
                "scenes": len(sample),
                "seed": SEED,
                "sha256": hashlib.sha256(sample.tobytes()).hexdigest(),
            },
        },
    )

    detector, second, alone = DetectorRelease(draft, model), None, None
    in_float = Candidate(
        "float", lambda frames: iter(predict(network, *letterboxed(frames, (shape[1], shape[2])))), None
    )
    int8 = _candidate("int8", detector)
    if refiner:
        announce("converting the refiner")
        second = quantise_refiner(refiner, ((run / "model.keras").read_bytes(), model), int8.find, collection, pythons)
        detector = _with_refiner(detector, second.release)
        in_float = refined(in_float, second.network, second.release.manifest.side)
        alone, int8 = replace(int8, name="int8, detector alone"), _candidate("int8", detector)

    announce("comparing int8 with float on the development set")
    comparison = compare(in_float, int8, development, alone)
    comparison.check()
    if peers:
        announce("measuring other detectors on the same frames")
        measured = (evaluate(peer, find_faces(peer, development), development) for peer in peers)
        comparison = replace(comparison, peers=tuple(measured))
    threshold = math.ceil(1e4 * comparison.quantised.threshold) / 1e4  # what decided it stays below
    draft = replace(detector.manifest, threshold=threshold, keep_threshold=round(KEEP * threshold, 4))

    announce("measuring the crop rule")
    crop = measure_crop(BuiltinDetector(replace(detector, manifest=draft)), faces)
    manifest = replace(draft, crop=crop.rule, metrics=_metrics(comparison, crop))

    announce("measuring the noise of each layer, and speed")
    original = convert_float(network)
    layers = layer_errors(original, model, sample[:: -(-len(sample) // PROBES)])
    latency = measure_latency(original, model)

    announce("comparing runtimes")
    probes = np.concatenate([golden_images(range(PROBES), shape), _inputs(development["scenes"], shape)])
    differences = compare_runtimes(model, probes, pythons)

    pages = {
        "MODEL_CARD.md": model_card(
            manifest, comparison, crop, Cost.of(network, model), second.cost if second else None
        ),
        "comparison.md": comparison_page(comparison, layers, differences, latency, second),
        "comparison.png": chart(comparison, layers),
    }
    if second:
        pages[f"{REFINER_FOLDER}/{MODEL_FILE}"] = second.release.model
        pages[f"{REFINER_FOLDER}/{MANIFEST_FILE}"] = second.release.manifest.to_json().encode()
    announce("loading the release as a device does")
    publish(model, manifest, pages, out, key)
    return Outcome(manifest, graph, comparison, crop, layers, differences, latency, second)


def _candidate(name: str, release: DetectorRelease) -> Candidate:
    detector = BuiltinDetector(release, min_face_px=1)
    return Candidate(name, lambda frames: map(detector.find, frames), None)


def _with_refiner(detector: DetectorRelease, refiner: Release[RefinerManifest]) -> DetectorRelease:
    """``detector`` with the ``refiner``, which its id tells from the same with another."""
    content = refiner.manifest.to_json().encode()
    name, digits = detector.manifest.id.rpartition("-")[0], hashlib.sha256(detector.model + content).hexdigest()[:8]
    manifest = replace(
        detector.manifest,
        id=f"{name}-{digits}",
        refiner_sha256=hashlib.sha256(content).hexdigest(),
        candidate_threshold=CANDIDATE_THRESHOLD,
    )
    return replace(detector, manifest=manifest, refiner=refiner)


def open_detector(path: Path) -> tuple[Any, tuple[int, ...]]:
    """Open a trained face detector; returns it and the strides of its maps.

    Raises:
        ModelError: the file is absent or no Keras model, or no detector that ``edge.vision.detector.decode`` can read.
    """
    model = open_model(path)
    taken, given = model.input_shape, model.output_shape
    advice = "expected maps of logits, then as many of boxes, of a grey image; train it with fer-train"
    if not isinstance(given, list) or len(taken) != 4 or None in taken[1:] or taken[3] != 1:
        raise ModelError(f"model {path}: takes {taken} and gives {given}; {advice}")
    strides = tuple(taken[1] // shape[1] for shape in given[: len(given) // 2])
    try:
        expected = [(None, *shape[1:]) for shape in map_shapes(taken, strides)]
    except ValueError as error:
        raise ModelError(f"model {path}: {error}; {advice}") from error
    if [tuple(shape) for shape in given] != expected:
        raise ModelError(f"model {path}: gives {given}, expected {expected}; {advice}")
    return model, strides


def _inputs(frames: Sequence[Frame], shape: tuple[int, ...]) -> Pixels:
    """The first frames as the network takes them, (n, height, width, 1)."""
    return np.stack([letterbox(frame.pixels, *shape[1:3])[0] for frame in frames[:PROBES]])[..., np.newaxis]


def _metrics(comparison: Comparison, crop: CropMeasurement) -> dict[str, Any]:
    """The figures for the manifest, without those of this machine's clock."""
    each = {"float": comparison.original, "int8": comparison.quantised}
    more = {}
    if comparison.alone:
        each["alone"] = comparison.alone
        more = {"candidates": round(comparison.candidates, 1)}
    return {
        "development": {name: _rounded(one.to_dict() | {"time_ms": None}) for name, one in each.items()},
        "crop": _rounded(asdict(crop)),
        **more,
    }


def _rounded(figures: Any) -> Any:
    """With four digits, and without what was not measured (None) or could not be (nan)."""
    if isinstance(figures, Mapping):
        return {name: _rounded(value) for name, value in figures.items() if value is not None and value == value}
    return round(figures, 4) if isinstance(figures, float) else figures
