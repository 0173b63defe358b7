"""A classifier's run folder becomes a release folder, once every check has passed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from edge.errors import ModelError
from edge.labels import EMOTIONS
from edge.model.classifier_manifest import ClassifierManifest
from quantize.classifier.agreement import Comparison, best_temperatures, compare, float_logits, int8_logits
from quantize.classifier.calibration import Calibration, spanning
from quantize.classifier.card import model_card
from quantize.classifier.manifest import LICENCE, OWN_LICENCE, fill_manifest, summary
from quantize.classifier.report import chart, comparison_page
from quantize.manifest import golden_images
from quantize.release import HELD_OUT, PROBES, publish, read_run
from quantize.tflite.convert import convert_float, convert_int8
from quantize.tflite.latency import Latency, measure_latency
from quantize.tflite.layers import LayerError, layer_errors
from quantize.tflite.runtimes import Difference, compare_runtimes
from quantize.tflite.verify import check_range, classifier_requirements, verify
from train.classifier.face_size import measure_sizes
from train.data.fer2013 import FaceSet
from train.data.selection import require_split
from train.run.saved import head_names, open_classifier, read_labels
from train.tflite.graph import Graph


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was released and how it was measured; the first of ``comparisons`` is that of ``HELD_OUT``."""

    manifest: ClassifierManifest
    graph: Graph
    comparisons: tuple[Comparison, ...]
    layers: tuple[LayerError, ...]
    differences: tuple[Difference, ...]
    latency: Latency


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
    """Quantise ``run``/model.keras and fill ``out``; until every check has passed, nothing is written there.

    Args:
        run: folder with ``model.keras`` and ``run.json``.
        faces: splits of the data; Training, PublicTest and those of ``splits`` are needed.
        calibration: the faces of Training that set the ranges.
        out: release folder; files of an earlier release are replaced.
        splits: what to measure besides PublicTest.
        pythons: interpreters with other TFLite runtimes to compare.
        key: PEM file with the Ed25519 private key to sign with.
        announce: called with a description of each step.

    Raises:
        ModelError: the model fails a check or the gate.
        ConfigError: the run is no run folder, a split, a Python or the key is missing, or ``out`` cannot be written.
        DataError: the calibration sample does not fit the data.
    """
    training = read_run(run)
    splits = tuple(dict.fromkeys((HELD_OUT, *splits)))
    sample = calibration.select(require_split(faces, "Training"))
    held_out = [require_split(faces, split) for split in splits]
    network = open_classifier(run / "model.keras")
    labels = sample.classes
    heads = head_names(labels)
    if network.output_names != list(heads) or read_labels(run / "model.keras") not in (None, labels):
        raise ModelError(
            f"run {run}: was trained for other labels than {', '.join(labels)}; give the data that it was trained on"
        )

    announce(f"converting with {len(sample)} calibration faces")
    model = convert_int8(network, spanning(sample.pixels))
    graph = verify(model, classifier_requirements(labels=labels, heads=len(heads)))
    check_range(graph, *float_logits(network, sample.pixels).swapaxes(0, 1))

    announce(f"comparing int8 with float on {' and '.join(splits)}")
    quantised = [int8_logits(model, each.pixels, len(heads)) for each in held_out]
    temperatures = best_temperatures(quantised[0], held_out[0])
    comparisons = tuple(
        compare(float_logits(network, each.pixels), logits, each, temperatures)
        for each, logits in zip(held_out, quantised, strict=True)
    )
    comparisons[0].check()

    announce("measuring distant faces")
    sizes = measure_sizes(
        lambda pixels: int8_logits(model, pixels, len(heads)), held_out[0], list(temperatures.values())
    )

    announce("measuring the noise of each layer, and speed")
    in_float = convert_float(network)
    layers = layer_errors(in_float, model, sample.pixels[:: -(-len(sample) // PROBES)])
    latency = measure_latency(in_float, model)

    announce("comparing runtimes")
    golden = golden_images(range(PROBES), graph.inputs[0].shape)
    probes = np.concatenate([golden, held_out[0].pixels[:PROBES, ..., np.newaxis]])
    differences = compare_runtimes(model, probes, pythons)

    name = run.resolve().name
    manifest = fill_manifest(
        model,
        graph,
        name,
        differences,
        labels=labels,
        licence=LICENCE if labels == EMOTIONS and sample.data == "FER2013" else OWN_LICENCE,
        temperatures=temperatures,
        metrics={each.original.split: summary(each) for each in comparisons} | {f"{HELD_OUT} by size": asdict(sizes)},
        training={"run": name, **training, "calibration": {"faces": len(sample), "sha256": calibration.sha256}},
    )
    pages = {
        "MODEL_CARD.md": model_card(manifest, comparisons[0], sizes, len(model)),
        "comparison.md": comparison_page(comparisons, layers, differences, latency),
        "comparison.png": chart(comparisons[0], layers),
    }
    announce("loading the release as a device does")
    publish(model, manifest, pages, out, key)
    return Outcome(manifest, graph, comparisons, layers, differences, latency)
