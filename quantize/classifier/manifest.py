"""Fills in ``model.json``: what a device must find in the file, and what people want to know about it."""

from __future__ import annotations

import hashlib
import math
import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

import edge
from edge.labels import EMOTIONS
from edge.model.classifier_manifest import Head, Manifest, golden_input
from edge.model.manifest import GoldenVector, TensorSpec, golden_numbers
from edge.vision.crop import CropRule
from edge.vision.detector.decode import SAME_FACE_IOU
from edge.vision.detector.manifest import DetectorManifest, map_shapes
from quantize.classifier.compare import Comparison
from quantize.tflite.graph import Graph, Tensor
from quantize.tflite.runtimes import Difference, Places, answer_in_tensorflow
from train.classifier.evaluate import Evaluation

GOLDEN_SEEDS = range(8)

LICENCE = (
    "Weights: MIT, like the code. Trained on FER2013 (ICML 2013 challenge on Kaggle), which carries no explicit "
    "licence: clear it before commercial use. FER+ votes: MIT (Microsoft)."
)

DETECTOR_LICENCE = (
    "Weights: MIT, like the code. Trained on pictures of other people, whose licences the model card names: clear them "
    "before commercial use."
)

_TOOLS = ("tensorflow", "keras", "numpy", "ai-edge-litert")


def fill_manifest(
    model: bytes,
    graph: Graph,
    name: str,
    differences: Sequence[Difference],
    *,
    labels: tuple[str, ...] = EMOTIONS,
    temperatures: Mapping[str, float],
    metrics: Mapping[str, Any],
    training: Mapping[str, Any],
    licence: str = LICENCE,
) -> Manifest:
    """The manifest of a verified ``model``; ``name`` is the run's, or that of the file it was converted from.

    ``temperatures`` are by the names of the heads, in the order of the file's outputs.
    """
    heads = zip(temperatures.items(), graph.outputs, strict=True)
    sha256 = hashlib.sha256(model).hexdigest()
    return Manifest(
        id=f"{name}-{sha256[:8]}",
        sha256=sha256,
        labels=labels,
        input=_tensor_spec(graph.inputs[0]),
        heads=tuple(Head(head, _tensor_spec(output), temperature) for (head, temperature), output in heads),
        golden=_golden_vectors(model, graph.inputs[0].shape),
        # Twice what was seen here, at least 4: the kernels for another processor round in yet another way.
        golden_tolerance=2 * max(2, *(difference.largest for difference in differences)),
        metrics=metrics,
        tools=_tools(),
        training=training,
        licence=licence,
    )


def fill_detector_manifest(
    model: bytes,
    graph: Graph,
    name: str,
    differences: Sequence[Difference],
    *,
    strides: tuple[int, ...],
    threshold: float,
    crop: CropRule,
    metrics: Mapping[str, Any],
    training: Mapping[str, Any],
) -> DetectorManifest:
    """The manifest of a verified detector; ``name`` is the run's. Without ``differences`` it has no golden vectors."""
    sha256 = hashlib.sha256(model).hexdigest()
    shape = graph.inputs[0].shape
    outputs = _maps(graph, strides)
    return DetectorManifest(
        id=f"{name}-{sha256[:8]}",
        sha256=sha256,
        input=_tensor_spec(graph.inputs[0]),
        outputs=tuple(_tensor_spec(output) for output in outputs),
        strides=strides,
        threshold=threshold,
        max_overlap=SAME_FACE_IOU,
        crop=crop,
        golden=_golden_vectors(model, shape, detector_places(graph, strides)) if differences else (),
        golden_tolerance=2 * max(2, *(difference.largest for difference in differences), 2),
        metrics=metrics,
        tools=_tools(),
        training=training,
        licence=DETECTOR_LICENCE,
    )


def golden_pixels(seeds: Sequence[int], shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """The golden pictures for an input of ``shape`` (1, height, width, channels): uint8 (n, height, ...)."""
    return np.concatenate([golden_input(seed, shape) for seed in seeds])


def _golden_vectors(model: bytes, shape: tuple[int, ...], places: Places | None = None) -> tuple[GoldenVector, ...]:
    """What the reference kernels answer: the middle, from which every faster runtime strays its own way.

    ``places`` puts the numbers of several outputs into the manifest's order.
    """
    steps = answer_in_tensorflow(model, golden_pixels(GOLDEN_SEEDS, shape), "BUILTIN_REF").steps
    ordered = steps if places is None else steps[:, places]
    return tuple(GoldenVector(seed, golden_numbers(row)) for seed, row in zip(GOLDEN_SEEDS, ordered, strict=True))


def detector_places(graph: Graph, strides: tuple[int, ...]) -> Places:
    """Where the numbers of a detector's maps lie, in the manifest's order."""
    ends = np.cumsum([0, *(math.prod(output.shape) for output in graph.outputs)])
    ranges = {output.name: np.arange(*each) for output, each in zip(graph.outputs, pairwise(ends), strict=True)}
    return np.concatenate([ranges[output.name] for output in _maps(graph, strides)])


def _maps(graph: Graph, strides: tuple[int, ...]) -> list[Tensor]:
    by_shape = {output.shape: output for output in graph.outputs}
    return [by_shape[each] for each in map_shapes(graph.inputs[0].shape, strides)]


def _tools() -> dict[str, str]:
    return {
        "fer-edge": edge.__version__,
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in _TOOLS},
    }


def _tensor_spec(tensor: Tensor) -> TensorSpec:
    return TensorSpec(tensor.shape, tensor.scales[0], tensor.zero_points[0])


def summary(comparison: Comparison) -> dict[str, Any]:
    """One split's figures for ``metrics``."""
    return {
        "float": _figures(comparison.original),
        "int8": _figures(comparison.quantised),
        "int8_heads_crossed": _figures(comparison.crossed),
        "agreement": round(comparison.agreement, 5),
        "largest_logit_error": round(comparison.largest_logit_error, 4),
        "calibration_error_at_temperature": {
            head: {"float": round(each.errors[0], 5), "int8": round(each.errors[1], 5)}
            for head, each in comparison.tempered.items()
        },
    }


def _figures(evaluation: Evaluation) -> dict[str, Any]:
    measured = {
        "fer2013": evaluation.fer2013,
        "ferplus": evaluation.ferplus,
        "ferplus_contempt": evaluation.ferplus_contempt,
    }
    return {
        name: {
            "faces": metrics.faces,
            "accuracy": round(metrics.accuracy, 5),
            "macro_f1": round(metrics.macro_f1, 5),
            "calibration_error": round(metrics.calibration_error, 5),
            "recall": {each.name: round(each.recall, 4) for each in metrics.classes},
        }
        for name, metrics in measured.items()
        if metrics is not None
    }
