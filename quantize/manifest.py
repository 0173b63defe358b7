"""Fills in the fields of ``model.json`` that both kinds of model share: what the file is, and what it must output."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

import numpy as np
import numpy.typing as npt

import edge
from edge.model.golden import GoldenVector, golden_input, golden_values
from edge.model.manifest import SharedFields, TensorSpec
from quantize.tflite.runtimes import Difference, run_in_tensorflow
from train.tflite.graph import Graph, Tensor

GOLDEN_SEEDS = range(8)

_TOOLS = ("tensorflow", "keras", "numpy", "ai-edge-litert")


def shared_fields(
    model: bytes,
    graph: Graph,
    name: str,
    differences: Sequence[Difference],
    *,
    metrics: Mapping[str, Any],
    training: Mapping[str, Any],
    licence: str,
    order: npt.NDArray[np.intp] | None = None,
) -> SharedFields:
    """The shared fields of a verified ``model``.

    Args:
        model: the content of the file.
        graph: the same, read.
        name: that of the run, or of the file that was converted.
        differences: between runtimes; the largest sets the tolerance of the golden vectors.
        metrics: what was measured.
        training: how the model was made.
        licence: that of the weights.
        order: positions of the output values in the manifest's order, where the file has another.
    """
    sha256 = hashlib.sha256(model).hexdigest()
    return SharedFields(
        id=f"{name}-{sha256[:8]}",
        sha256=sha256,
        input=tensor_spec(graph.inputs[0]),
        golden=_golden_vectors(model, graph.inputs[0].shape, order),
        # Twice what was seen here, and at least 4: kernels for another processor round in yet another way.
        golden_tolerance=2 * max(2, *(difference.largest for difference in differences)),
        metrics=metrics,
        tools={
            "fer-edge": edge.__version__,
            "python": platform.python_version(),
            **{tool: metadata.version(tool) for tool in _TOOLS},
        },
        training=training,
        licence=licence,
        edgetpu_sha256="",
        counter=0,
    )


def golden_images(seeds: Sequence[int], shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """The golden images for an input of ``shape`` (1, height, width, channels): uint8 (n, height, width, channels)."""
    return np.concatenate([golden_input(seed, shape) for seed in seeds])


def tensor_spec(tensor: Tensor) -> TensorSpec:
    """An input or output of the file as the manifest describes it."""
    return TensorSpec(tensor.shape, tensor.scales[0], tensor.zero_points[0])


def _golden_vectors(
    model: bytes, shape: tuple[int, ...], order: npt.NDArray[np.intp] | None
) -> tuple[GoldenVector, ...]:
    """The output of the reference kernels: every faster runtime differs from it in a way of its own."""
    steps = run_in_tensorflow(model, golden_images(GOLDEN_SEEDS, shape), "BUILTIN_REF").steps
    ordered = steps if order is None else steps[:, order]
    return tuple(GoldenVector(seed, golden_values(row)) for seed, row in zip(GOLDEN_SEEDS, ordered, strict=True))
