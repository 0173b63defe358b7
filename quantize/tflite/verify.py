"""Refuses an int8 file that no device should load, by its content and by the range of its outputs."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from edge.errors import ModelError
from edge.labels import EMOTIONS, FEWEST_LABELS, HEADS, INPUT_SIZE_PX, MOST_LABELS
from edge.model import int8
from edge.model.int8 import INT8_MAX, INT8_MIN
from edge.vision.detector.manifest import map_shapes
from train.tflite.graph import Graph, Operator, Tensor, read_graph
from train.tflite.trace import LAYERS

MAX_CONVERTED_BYTES = 8_000_000
"""What fits into an Edge TPU's memory."""

OPERATORS = {
    "ADD": 2,
    "AVERAGE_POOL_2D": 2,
    "CONCATENATION": 2,
    "CONV_2D": 3,
    "DEPTHWISE_CONV_2D": 3,
    "FULLY_CONNECTED": 5,
    "LOGISTIC": 2,
    "MAX_POOL_2D": 2,
    "MEAN": 2,
    "MUL": 2,
    "PAD": 2,
    "RESHAPE": 1,
    "RESIZE_NEAREST_NEIGHBOR": 2,
}
"""Operators that may be released, and the highest version of each that was run in tflite-runtime 2.14: there, the
output of each was within a step of TensorFlow's newest kernels. An Edge TPU maps them too."""

MORE_OPERATORS = {
    "ELU": 1,
    "EXP": 2,
    "GELU": 2,
    "GREATER": 2,
    "HARD_SWISH": 1,
    "LEAKY_RELU": 2,
    "PRELU": 1,
    "RELU": 2,
    "RELU6": 2,
    "SELECT": 1,
    "SUB": 3,
    "SUM": 2,
    "TANH": 2,
    "TRANSPOSE": 2,
}
"""Operators of other people's networks; run in tflite-runtime 2.14 too. An Edge TPU leaves some of them to the CPU."""

_INSTEAD = {
    "SOFTMAX": "let the model end with logits; the host computes the softmax in float",
    "QUANTIZE": "convert again with int8 input and output",
    "DEQUANTIZE": "convert again with int8 input and output",
}


@dataclass(frozen=True, slots=True)
class Requirements:
    """What a file must take and give, and how large it may be.

    ``input_shape`` is (1, height, width, channels). ``output_shapes`` may come in any order; ``meaning``
    says what the outputs are.
    """

    input_shape: tuple[int, ...]
    output_shapes: tuple[tuple[int, ...], ...]
    meaning: str
    max_bytes: int


def classifier_requirements(
    input_shape: tuple[int, ...] = (1, INPUT_SIZE_PX, INPUT_SIZE_PX, 1),
    labels: tuple[str, ...] = EMOTIONS,
    heads: int = len(HEADS),
    max_bytes: int = 1_000_000,
) -> Requirements:
    """A row of logits for each head, one for each of ``labels``; by default, what fer-train trains."""
    return Requirements(input_shape, ((1, len(labels)),) * heads, f"logits of {', '.join(labels)}", max_bytes)


def requirements_of(graph: Graph) -> Requirements:
    """What a classifier of any labels must take and give that has the image and as many labels as ``graph``."""
    required = classifier_requirements(heads=len(graph.outputs), max_bytes=MAX_CONVERTED_BYTES)
    match [tensor.shape for tensor in graph.inputs]:
        case [(1, int(height), int(width), 1 | 3) as shape] if height == width:
            required = replace(required, input_shape=shape)
    match [tensor.shape for tensor in graph.outputs]:
        case [(1, int(labels)) as shape, *_] if FEWEST_LABELS <= labels <= MOST_LABELS:
            meaning = f"logits of {labels} labels"
            required = replace(required, output_shapes=(shape,) * len(graph.outputs), meaning=meaning)
    return required


def detector_requirements(
    input_shape: tuple[int, ...], strides: tuple[int, ...], max_bytes: int = 500_000
) -> Requirements:
    """Maps of logits and of boxes, see ``map_shapes``."""
    meaning = f"maps of logits and boxes at the strides {', '.join(map(str, strides))}"
    return Requirements(input_shape, map_shapes(input_shape, strides), meaning, max_bytes)


def refiner_requirements(input_shape: tuple[int, ...], max_bytes: int = 500_000) -> Requirements:
    """A logit and a box."""
    return Requirements(input_shape, ((1, 1), (1, 4)), "logit and box of a face", max_bytes)


def verify(model: bytes, required: Requirements | None = None) -> Graph:
    """Check the content of a .tflite file: size, operators, versions, tensor types, quantisation, input and outputs.

    Args:
        model: the file's content.
        required: what it must take and give; by default, ``classifier_requirements()``.

    Returns:
        What the file holds.

    Raises:
        ModelError: a check fails; names the operator and the tensor.
    """
    required = required or classifier_requirements()
    graph = read_graph(model)
    if graph.size_bytes > required.max_bytes:
        raise ModelError(
            f"model has {graph.size_bytes} bytes, at most {required.max_bytes} are allowed; train a smaller network"
        )
    if graph.subgraphs != 1:
        raise ModelError(f"model has {graph.subgraphs} subgraphs, expected 1; remove loops and conditions")
    for check in (_check_operator, _check_tensors, _check_scales):  # an unknown operator explains float tensors
        for operator in graph.operators:
            check(operator)
    _check_borders(graph, required)
    return graph


def check_range(graph: Graph, *outputs: npt.NDArray[np.float32]) -> None:
    """Check that what the float network outputs for the calibration images fits into the range of the int8 outputs.

    Args:
        graph: the int8 file.
        outputs: for each output of the file, in its order, what the float network gives for all images, (n, ...).

    Raises:
        ModelError: a value lies more than a step outside the range: int8 would clip it.
    """
    for tensor, values in zip(graph.outputs, outputs, strict=True):
        ends = np.array([INT8_MIN, INT8_MAX], np.int8)
        lowest, highest = int8.dequantize(ends, tensor.scales[0], tensor.zero_points[0])
        outside = np.maximum(lowest - values, values - highest).max()
        if outside > tensor.scales[0]:
            raise ModelError(
                f"model output {tensor.name!r} saturates: its range is {lowest:.2f}..{highest:.2f}, the calibration "
                f"images need {values.min():.2f}..{values.max():.2f}; convert with these images"
            )


def _where(operator: Operator, tensor: Tensor) -> str:
    return f"model operator {operator.index} {operator.name}, tensor {tensor.layer!r}"


def _check_tensors(operator: Operator) -> None:
    for tensor in (*operator.inputs, *operator.outputs):
        where = _where(operator, tensor)
        if tensor.dtype == "BOOL" and tensor.data is None:  # what GREATER gives and SELECT takes
            continue
        if tensor.dtype != "INT8" and not (tensor.dtype == "INT32" and tensor.data is not None):
            raise ModelError(
                f"{where}: is {tensor.dtype}, expected INT8 or an INT32 constant; convert with fer-quantize convert"
            )
        if tensor.open_shape:
            raise ModelError(f"{where}: has an open shape; convert with a fixed batch of 1")
        if tensor.dtype == "INT8":
            _check_quantisation(where, tensor)


def _check_quantisation(where: str, tensor: Tensor) -> None:
    scales = len(tensor.scales)
    if scales == 0 or len(tensor.zero_points) != scales or (scales > 1 and tensor.data is None):
        raise ModelError(f"{where}: has {scales} scales, expected 1, or 1 per channel of a constant")
    for scale in tensor.scales:
        if not (math.isfinite(scale) and scale > 0):
            raise ModelError(
                f"{where}: has the scale {scale}, expected a positive number; a channel is dead: train again"
            )
    for zero_point in tensor.zero_points:
        if not INT8_MIN <= zero_point <= INT8_MAX:
            raise ModelError(f"{where}: has the zero point {zero_point}, expected {INT8_MIN}..{INT8_MAX}")


def _check_operator(operator: Operator) -> None:
    where = _where(operator, operator.outputs[0])
    known = (OPERATORS | MORE_OPERATORS).get(operator.name)
    if known is None:
        instead = _INSTEAD.get(operator.name, f"build with the layers of {LAYERS}")
        raise ModelError(f"{where}: this operator is not allowed; {instead}")
    if operator.version > known:
        raise ModelError(
            f"{where}: has version {operator.version}, tflite-runtime 2.14 was tested up to {known}; "
            "convert with TensorFlow 2.21"
        )


def _check_scales(operator: Operator) -> None:
    """Weights must be symmetric, and a bias in steps of input scale x weight scale, for the sums to mean anything."""
    if operator.name not in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
        return
    values, weights, *bias = operator.inputs
    if any(weights.zero_points):
        raise ModelError(
            f"{_where(operator, weights)}: zero point of weights is not 0; convert with fer-quantize convert"
        )
    steps = [scale * values.scales[0] for scale in weights.scales] if values.scales else []
    if bias and (len(bias[0].scales) != len(steps) or not np.allclose(bias[0].scales, steps, rtol=1e-3, atol=0)):
        raise ModelError(f"{_where(operator, bias[0])}: scale of the bias is not input scale x weight scale")


def _check_borders(graph: Graph, required: Requirements) -> None:
    inputs, outputs, wanted = len(graph.inputs), len(graph.outputs), len(required.output_shapes)
    if (inputs, outputs) != (1, wanted):
        expected = "1 of each" if wanted == 1 else f"1 and {wanted}"
        raise ModelError(f"model has {inputs} inputs and {outputs} outputs, expected {expected}")
    taken = graph.inputs[0]
    if taken.shape != required.input_shape:
        raise ModelError(
            f"model input {taken.name!r} has the shape {taken.shape}, expected {required.input_shape}; "
            "convert a model that fer-train did not train with fer-quantize convert"
        )
    # With these, int8 input = grey - 128 without rounding: the network sees on the device what it saw in training.
    if (taken.scales, taken.zero_points) != ((1.0,), (INT8_MIN,)):
        raise ModelError(
            f"model input {taken.name!r} has scale {taken.scales} and zero point {taken.zero_points}, expected "
            f"1 and {INT8_MIN}; calibrate with images from black 0 to white 255"
        )
    missing = list(required.output_shapes)
    for given in graph.outputs:
        if given.shape not in missing:
            expected = " or ".join(dict.fromkeys(map(str, missing)))
            raise ModelError(
                f"model output {given.name!r} has the shape {given.shape}, expected {expected}, {required.meaning}"
            )
        missing.remove(given.shape)
