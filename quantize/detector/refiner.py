"""Converts and checks a refiner, the second network of a detector's release."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge.errors import ConfigError, ModelError
from edge.model.release import Release
from edge.vision.detector.refiner import RefinerManifest, normalised
from quantize.detector.cost import Cost
from quantize.detector.manifest import LICENCE
from quantize.manifest import GOLDEN_SEEDS, golden_images, shared_fields, tensor_spec
from quantize.release import PROBES, read_run
from quantize.tflite.convert import convert_float, convert_int8
from quantize.tflite.latency import Latency, measure_latency
from quantize.tflite.layers import LayerError, layer_errors
from quantize.tflite.runtimes import Difference, compare_runtimes
from quantize.tflite.verify import check_range, refiner_requirements, verify
from train.detector.candidates import Find
from train.detector.refiner.crops import CropGenerator
from train.detector.refiner.recipe import Recipe
from train.detector.synthesis.sprites import Collection
from train.run.saved import open_model
from train.tflite.graph import Graph

SEED = 2015
SCENES = 100
"""Scenes whose candidates set the ranges of the int8 tensors: some 2000 crops."""


@dataclass(frozen=True, slots=True)
class QuantisedRefiner:
    """A refiner in float and in int8, and how both compare."""

    network: Any
    release: Release[RefinerManifest]
    graph: Graph
    cost: Cost
    layers: tuple[LayerError, ...]
    differences: tuple[Difference, ...]
    latency: Latency


def quantise_refiner(
    run: Path, detectors: Sequence[bytes], find: Find, collection: Collection, pythons: Sequence[Path]
) -> QuantisedRefiner:
    """Convert ``run``/model.keras with the candidates that ``find`` proposes in scenes made from ``collection``.

    Args:
        run: a run folder of ``fer-train detector refiner``.
        detectors: the content of the detector's files, float and int8, one of which the run must have learnt from.
        find: what the int8 detector finds alone.
        collection: what both were trained on.
        pythons: interpreters with other TFLite runtimes to compare.

    Raises:
        ModelError: the model is no refiner, belongs to another detector or fails a check.
        ConfigError: the run is no run folder, or a Python is missing.
    """
    settings = read_run(run)
    network = open_refiner(run / "model.keras")
    learnt_from = settings.get("detector")
    if learnt_from and learnt_from["sha256"] not in [hashlib.sha256(each).hexdigest() for each in detectors]:
        raise ModelError(
            f"refiner {run}: learnt from another detector, {learnt_from['file']}; release it with that, or train it "
            "for this one with fer-train detector refiner"
        )
    shape: tuple[int, ...] = (1, *network.input_shape[1:])
    try:
        recipe = Recipe(side=float(settings["recipe"]["side"]), size_px=shape[1])
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(
            f"run {run}: run.json does not say how crops were cut, recipe.side; expected a run folder of fer-train "
            "detector refiner"
        ) from error
    sample = normalised(CropGenerator(find, collection, recipe).draw((SEED,), SCENES).pixels)
    model = convert_int8(network, sample)
    graph = verify(model, refiner_requirements(shape))
    check_range(graph, *network.predict(sample[..., np.newaxis], verbose=0))
    shared = shared_fields(
        model,
        graph,
        run.resolve().name,
        compare_runtimes(model, golden_images(GOLDEN_SEEDS, shape), pythons),
        metrics={},  # what counts is what both networks find together, see the detector's manifest
        training={
            "run": run.resolve().name,
            **settings,
            "calibration": {"crops": len(sample), "seed": SEED, "sha256": hashlib.sha256(sample.tobytes()).hexdigest()},
        },
        licence=LICENCE,
    )
    manifest = RefinerManifest(**shared, outputs=tuple(map(tensor_spec, graph.outputs)), side=recipe.side)
    in_float, probes = convert_float(network), sample[:: -(-len(sample) // PROBES)]
    return QuantisedRefiner(
        network,
        Release(manifest, model),
        graph,
        Cost.of(network, model),
        layer_errors(in_float, model, probes),
        compare_runtimes(model, probes, pythons),
        measure_latency(in_float, model),
    )


def open_refiner(path: Path) -> Any:
    """Open a trained refiner.

    Raises:
        ModelError: the file is absent or no Keras model, or no refiner.
    """
    model = open_model(path)
    taken, given = model.input_shape, model.output_shape
    square = len(taken) == 4 and taken[3] == 1 and taken[1] == taken[2] is not None
    if not square or not isinstance(given, list) or list(map(tuple, given)) != [(None, 1), (None, 4)]:
        raise ModelError(
            f"model {path}: takes {taken} and gives {given}; expected a logit, (None, 1), and the sides of a box, "
            "(None, 4), of a grey square; train it with fer-train detector refiner"
        )
    return model
