"""A detector's run folder becomes a release folder, or an error: as a classifier's, by boxes instead of emotions."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.model.release import MANIFEST_FILE, MODEL_FILE, Release
from edge.records import Pixels
from edge.vision.crop import CropRule
from edge.vision.detector.builtin import BuiltinDetector
from edge.vision.detector.letterbox import letterbox
from edge.vision.detector.manifest import DetectorManifest
from quantize.classifier.manifest import GOLDEN_SEEDS, detector_places, fill_detector_manifest, golden_pixels
from quantize.classifier.release import PROBES, publish, read_run
from quantize.detector.agreement import BoxComparison, compare_boxes
from quantize.detector.card import detector_card
from quantize.detector.report import detector_markdown, save_detector_picture
from quantize.tflite.convert import convert_float, convert_int8, load_keras_detector
from quantize.tflite.graph import Graph
from quantize.tflite.latency import Latency, measure_latency
from quantize.tflite.layers import LayerError, layer_errors
from quantize.tflite.runtimes import Difference, compare_runtimes
from quantize.tflite.verify import DetectorContract, check_range, verify
from train.classifier.crop_rule import CropMeasurement, measure_crop
from train.detector.development import Frame
from train.detector.metrics import MIN_SCORE
from train.detector.recipe import Synthesis
from train.detector.synthesis.scenes import SceneGenerator
from train.detector.synthesis.sprites import Collection

SEED = 2013
SCENES = 500
"""Scenes that set the ranges, of the kind that the network was trained on.

With 50, 100, 200 and 500 of them the int8 file finds 95.5 to 96.1 % of the faces of 40 px and more, which is what a
development set of 1200 such faces leaves open.
"""


@dataclass(frozen=True, slots=True)
class DetectorOutcome:
    """What was released and how it was measured."""

    manifest: DetectorManifest
    graph: Graph
    comparison: BoxComparison
    crop: CropMeasurement
    layers: tuple[LayerError, ...]
    differences: tuple[Difference, ...]
    latency: Latency


def draw_scenes(collection: Collection, size_px: tuple[int, int], count: int = SCENES) -> npt.NDArray[np.uint8]:
    """The calibration pictures, uint8 (count, height, width): seed and number decide over each."""
    generator = SceneGenerator(collection, size_px, Synthesis())
    return np.stack([generator.scene((SEED, number)).pixels for number in range(count)])


def release_detector(
    run: Path,
    collection: Collection,
    development: Mapping[str, Sequence[Frame]],
    faces: npt.NDArray[np.uint8],
    out: Path,
    *,
    pythons: Sequence[Path] = (),
    key: Path | None = None,
    announce: Callable[[str], None] = lambda step: None,
) -> DetectorOutcome:
    """Quantise ``run``/model.keras and fill ``out`` once every check has passed; before, nothing is written there.

    Args:
        run: folder with ``model.keras`` and ``run.json``.
        collection: what the network learned from; scenes of it set the ranges.
        development: what it has not seen; gates the release and sets the score from which a box is a face.
        faces: FER2013's PublicTest, uint8 (n, 48, 48), on which the crop rule is measured.
        out: release folder; files of an earlier release are replaced.
        pythons: interpreters with other TFLite runtimes to compare with.
        key: PEM file with the Ed25519 private key to sign with.
        announce: told of each step, in words.

    Raises:
        ModelError: the model fails a check or the gate.
        ConfigError: the run is no run folder, a Python or the key is missing, or ``out`` cannot be written.
        DataError: the detector finds too few of ``faces``.
    """
    training = read_run(run)
    network, strides = load_keras_detector(run / "model.keras")
    shape: tuple[int, ...] = (1, *network.input_shape[1:])
    announce("drawing calibration scenes, converting")
    sample = draw_scenes(collection, (shape[1], shape[2]))
    model = convert_int8(network, sample)
    graph = verify(model, DetectorContract(shape, strides))
    answers = {answer.shape[1:]: answer for answer in network.predict(sample[..., np.newaxis], verbose=0)}
    check_range(graph, *(answers[output.shape[1:]] for output in graph.outputs))

    announce("comparing int8 with float on the development set")
    name = run.resolve().name
    eager = fill_detector_manifest(
        model, graph, name, (), strides=strides, threshold=MIN_SCORE, crop=CropRule(1.0), metrics={}, training={}
    )
    comparison = compare_boxes(network, BuiltinDetector(Release(eager, model), min_face_px=1), development)
    comparison.check()
    threshold = round(comparison.quantised.threshold, 4)

    announce("measuring the crop rule")
    chosen = replace(eager, threshold=threshold)
    crop = measure_crop(BuiltinDetector(Release(chosen, model)), faces)

    announce("measuring the noise of each layer, and speed")
    in_float = convert_float(network)
    layers = layer_errors(in_float, model, sample[:: -(-len(sample) // PROBES)])
    latency = measure_latency(in_float, model)

    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder)
        (built / MODEL_FILE).write_bytes(model)
        announce("comparing runtimes")
        probes = np.concatenate([golden_pixels(range(PROBES), shape), _seen(development["scenes"], shape)])
        differences = compare_runtimes(built / MODEL_FILE, probes, pythons)
        manifest = fill_detector_manifest(
            model,
            graph,
            name,
            # Of thousands of numbers a few lie far off, in cells where nothing is seen: those of other pictures would
            # set a tolerance under which two golden pictures look alike.
            compare_runtimes(
                built / MODEL_FILE, golden_pixels(GOLDEN_SEEDS, shape), pythons, detector_places(graph, strides)
            ),
            strides=strides,
            threshold=threshold,
            crop=crop.rule,
            metrics=_metrics(comparison, crop),
            training={
                "run": name,
                **training,
                "calibration": {
                    "scenes": len(sample),
                    "seed": SEED,
                    "sha256": hashlib.sha256(sample.tobytes()).hexdigest(),
                },
            },
        )
        outcome = DetectorOutcome(manifest, graph, comparison, crop, layers, differences, latency)
        (built / MANIFEST_FILE).write_text(manifest.to_json(), "utf-8")
        (built / "MODEL_CARD.md").write_text(detector_card(manifest, comparison, crop, len(model)), "utf-8")
        (built / "comparison.md").write_text(detector_markdown(comparison, layers, differences, latency), "utf-8")
        save_detector_picture(comparison, layers, built / "comparison.png")
        announce("loading the release as a device does")
        publish(built, out, key)
    return outcome


def _seen(frames: Sequence[Frame], shape: tuple[int, ...]) -> Pixels:
    """The first frames as the network sees them, (n, height, width, 1)."""
    return np.stack([letterbox(frame.pixels, *shape[1:3])[0] for frame in frames[:PROBES]])[..., np.newaxis]


def _metrics(comparison: BoxComparison, crop: CropMeasurement) -> dict[str, Any]:
    """The figures without those of this machine's clock."""
    both = {"float": comparison.original, "int8": comparison.quantised}
    return {
        "development": {name: _rounded(each.to_dict() | {"time_ms": None}) for name, each in both.items()},
        "crop": _rounded(asdict(crop)),
    }


def _rounded(figures: Any) -> Any:
    """With four digits, and without what was not measured (None) or had nothing to be measured on (nan)."""
    if isinstance(figures, Mapping):
        return {name: _rounded(value) for name, value in figures.items() if value is not None and value == value}
    return round(figures, 4) if isinstance(figures, float) else figures
