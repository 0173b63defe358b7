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

from edge.classifier import MANIFEST_FILE, MODEL_FILE, EmotionClassifier, load_release
from edge.contract import EMOTIONS, Manifest
from edge.errors import ConfigError, ModelError
from quantize.answers import answer
from quantize.calibration import Calibration
from quantize.card import model_card
from quantize.compare import Comparison, best_temperature, compare
from quantize.convert import convert_float, convert_int8, float_logits, load_keras
from quantize.graph import Graph
from quantize.layers import LayerError, layer_errors
from quantize.manifest import fill_manifest, golden_pixels
from quantize.report import markdown, save_picture
from quantize.runtimes import Difference, compare_runtimes
from quantize.verify import check_range, verify
from train.fer2013 import FaceSet

HELD_OUT = "PublicTest"
"""The split that gates a release and sets its temperature."""

PROBES = 64
"""Golden pictures, and as many faces, on which runtimes are compared and layers measured."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was released and how it was measured; the first comparison is that of ``HELD_OUT``."""

    manifest: Manifest
    graph: Graph
    comparisons: tuple[Comparison, ...]
    layers: tuple[LayerError, ...]
    differences: tuple[Difference, ...]


def release(
    run: Path,
    faces: Mapping[str, FaceSet],
    calibration: Calibration,
    out: Path,
    *,
    splits: Sequence[str] = (),
    pythons: Sequence[Path] = (),
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
        announce: told of each step, in words.

    Raises:
        ModelError: the model fails a check or the gate.
        ConfigError: the run is no run folder, a split or a Python is missing, or ``out`` cannot be written.
        DataError: the calibration sample does not fit the data.
    """
    training = _read_run(run)
    splits = tuple(dict.fromkeys((HELD_OUT, *splits)))
    for split in ("Training", *splits):
        if split not in faces:
            raise ConfigError(f"data has no {split} split, it has {', '.join(faces)}")
    network = load_keras(run / "model.keras")
    sample = calibration.select(faces["Training"])

    announce(f"converting with {len(sample)} calibration faces")
    model = convert_int8(network, sample.pixels)
    graph = verify(model)
    check_range(graph, float_logits(network, sample.pixels))

    announce("measuring the noise of each layer")
    layers = layer_errors(convert_float(network), model, sample.pixels[:: -(-len(sample) // PROBES)])

    announce(f"comparing float and int8 on {' and '.join(splits)}")
    answers = {split: answer(model, faces[split].pixels).logits for split in splits}
    comparisons = tuple(
        compare(float_logits(network, faces[split].pixels), answers[split], faces[split]) for split in splits
    )
    comparisons[0].check()
    temperature = best_temperature(answers[HELD_OUT], faces[HELD_OUT].labels)

    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder)
        (built / MODEL_FILE).write_bytes(model)
        announce("comparing runtimes")
        probes = np.concatenate([golden_pixels(range(PROBES)), faces[HELD_OUT].pixels[:PROBES]])
        differences = compare_runtimes(built / MODEL_FILE, probes, pythons)
        settings = training | {"calibration": {"faces": len(sample), "sha256": calibration.sha256}}
        manifest = fill_manifest(model, graph, run.resolve().name, settings, comparisons, differences, temperature)
        page = markdown(comparisons, layers, differences, temperature)
        (built / MANIFEST_FILE).write_text(manifest.to_json(), "utf-8")
        (built / "MODEL_CARD.md").write_text(model_card(manifest, comparisons[0], len(model)), "utf-8")
        (built / "comparison.md").write_text(page, "utf-8")
        save_picture(comparisons[0], layers, built / "comparison.png")
        announce("loading the release as a device does")
        prove(built)
        _publish(built, out)
    return Outcome(manifest, graph, comparisons, layers, differences)


def prove(folder: Path) -> Manifest:
    """Load a release folder as the daemon does, and check its file and labels as strictly as when it was made.

    Raises:
        ModelError: file, manifest, labels or answers do not belong together.
    """
    released = load_release(folder)
    verify(released.model)
    if released.manifest.labels != EMOTIONS:
        raise ModelError(
            f"model {released.manifest.id}: labels are {', '.join(released.manifest.labels)}; "
            f"accepted is the order {', '.join(EMOTIONS)}"
        )
    EmotionClassifier(released)
    return released.manifest


def _read_run(run: Path) -> dict[str, Any]:
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


def _publish(built: Path, out: Path) -> None:
    """Copy file by file, the manifest last: a folder caught half-way does not load."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        for file in sorted(built.iterdir(), key=lambda file: file.name == MANIFEST_FILE):
            shutil.copyfile(file, out / file.name)
    except OSError as error:
        raise ConfigError(f"release folder {out}: cannot be written ({error.strerror}); name another place") from error
