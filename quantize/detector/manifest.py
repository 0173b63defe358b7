"""Fills in the manifest of a face detector."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.vision.crop import CropRule
from edge.vision.detector.decode import SAME_FACE_IOU
from edge.vision.detector.manifest import DetectorManifest, map_shapes
from quantize.manifest import shared_fields, tensor_spec
from quantize.tflite.runtimes import Difference
from train.tflite.graph import Graph, Tensor

LICENCE = (
    "Weights: MIT, like the code. Trained on images of other people, whose licences the model card names: clear them "
    "before commercial use."
)


def fill_manifest(
    model: bytes,
    graph: Graph,
    name: str,
    differences: Sequence[Difference],
    *,
    strides: tuple[int, ...],
    threshold: float,
    keep_threshold: float,
    crop: CropRule,
    metrics: Mapping[str, Any],
    training: Mapping[str, Any],
) -> DetectorManifest:
    """The manifest of a verified ``model``, see ``shared_fields``."""
    shared = shared_fields(
        model,
        graph,
        name,
        differences,
        metrics=metrics,
        training=training,
        licence=LICENCE,
        order=value_order(graph, strides),
    )
    return DetectorManifest(
        **shared,
        outputs=tuple(tensor_spec(output) for output in _maps(graph, strides)),
        strides=strides,
        threshold=threshold,
        keep_threshold=keep_threshold,
        max_overlap=SAME_FACE_IOU,
        crop=crop,
    )


def value_order(graph: Graph, strides: tuple[int, ...]) -> npt.NDArray[np.intp]:
    """The positions of the file's output values in the manifest's order."""
    ends = np.cumsum([0, *(math.prod(output.shape) for output in graph.outputs)])
    ranges = {output.name: np.arange(*each) for output, each in zip(graph.outputs, pairwise(ends), strict=True)}
    return np.concatenate([ranges[output.name] for output in _maps(graph, strides)])


def _maps(graph: Graph, strides: tuple[int, ...]) -> list[Tensor]:
    by_shape = {output.shape: output for output in graph.outputs}
    return [by_shape[each] for each in map_shapes(graph.inputs[0].shape, strides)]
