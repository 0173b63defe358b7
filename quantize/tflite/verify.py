"""Refuses an int8 file that a device should not load, by what the file holds and by what it answers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.errors import ModelError
from edge.labels import EMOTIONS, HEADS, INPUT_SIZE_PX
from edge.model import int8
from edge.model.int8 import INT8_MAX, INT8_MIN
from edge.vision.detector.manifest import map_shapes
from quantize.tflite.graph import Graph, Operator, Tensor, read_graph

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
"""Operators that may be released, and the highest version of each that was run in tflite-runtime 2.14: there every one
answered within a step of TensorFlow's newest kernels, and an Edge TPU maps them too."""

_INSTEAD = {
    "SOFTMAX": "let the model end with logits, the host computes the softmax in float",
    "QUANTIZE": "convert again with int8 input and output",
    "DEQUANTIZE": "convert again with int8 input and output",
}


@dataclass(frozen=True, slots=True)
class Contract:
    """What a file must take and give, and how large it may be.

    ``shape`` is (1, height, width, channels); there is a row of logits, one for each of ``labels``, for every head.
    """

    shape: tuple[int, ...]
    labels: tuple[str, ...]
    max_bytes: int
    heads: int = 1

    @property
    def outputs(self) -> tuple[tuple[int, ...], ...]:
        """The shapes of the heads."""
        return ((1, len(self.labels)),) * self.heads

    @property
    def meaning(self) -> str:
        """What the output tells."""
        return f"logits of {', '.join(self.labels)}"


@dataclass(frozen=True, slots=True)
class DetectorContract:
    """What a detector's file must take, which maps it must give, in any order, and how large it may be."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    max_bytes: int = 500_000

    @property
    def outputs(self) -> tuple[tuple[int, ...], ...]:
        """The shapes of the maps, see ``map_shapes``."""
        return map_shapes(self.shape, self.strides)

    @property
    def meaning(self) -> str:
        """What the outputs tell."""
        return f"maps of logits and boxes at the strides {', '.join(map(str, self.strides))}"


OURS = Contract((1, INPUT_SIZE_PX, INPUT_SIZE_PX, 1), EMOTIONS, 1_000_000, len(HEADS))
"""The contract of what fer-train trains."""


def verify(model: bytes, contract: Contract | DetectorContract = OURS) -> Graph:
    """Check the content of a .tflite file: size, operators and versions, tensor types, quantisation, ``contract``.

    Returns:
        What the file holds.

    Raises:
        ModelError: something is not as it must be; names the operator and the tensor.
    """
    graph = read_graph(model)
    if graph.size_bytes > contract.max_bytes:
        raise ModelError(
            f"model has {graph.size_bytes} bytes, accepted are {contract.max_bytes}; train a smaller network"
        )
    if graph.subgraphs != 1:
        raise ModelError(f"model has {graph.subgraphs} subgraphs, accepted is 1; remove loops and conditions")
    for operator in graph.operators:
        _check_tensors(operator)
        _check_operator(operator)
        _check_scales(operator)
    _check_contract(graph, contract)
    return graph


def check_range(graph: Graph, *answers: npt.NDArray[np.float32]) -> None:
    """Check that what the float network answers to the calibration pictures fits into the int8 outputs.

    Args:
        graph: the int8 file.
        answers: for each of its outputs, in its order, the answers to all pictures, (n, ...).

    Raises:
        ModelError: a number lies more than a step outside: the file can only answer with the end of its range.
    """
    for output, answer in zip(graph.outputs, answers, strict=True):
        ends = np.array([INT8_MIN, INT8_MAX], np.int8)
        lowest, highest = int8.dequantize(ends, output.scales[0], output.zero_points[0])
        outside = np.maximum(lowest - answer, answer - highest).max()
        if outside > output.scales[0]:
            raise ModelError(
                f"model output {output.name!r} saturates: it holds {lowest:.2f}..{highest:.2f}, the calibration "
                f"pictures need {answer.min():.2f}..{answer.max():.2f}; convert with those very pictures"
            )


def _place(operator: Operator, tensor: Tensor) -> str:
    return f"model operator {operator.index} {operator.name}, tensor {tensor.layer!r}"


def _check_tensors(operator: Operator) -> None:
    for tensor in (*operator.inputs, *operator.outputs):
        place = _place(operator, tensor)
        if tensor.dtype != "INT8" and not (tensor.dtype == "INT32" and tensor.data is not None):
            raise ModelError(
                f"{place}: is {tensor.dtype}, accepted are INT8 and INT32 constants; convert with fer-quantize convert"
            )
        if tensor.open_shape:
            raise ModelError(f"{place}: has an open shape; convert with a fixed batch of 1")
        if tensor.dtype == "INT8":
            _check_quantisation(place, tensor)


def _check_quantisation(place: str, tensor: Tensor) -> None:
    scales = len(tensor.scales)
    if scales == 0 or len(tensor.zero_points) != scales or (scales > 1 and tensor.data is None):
        raise ModelError(f"{place}: has {scales} scales, expected 1, or 1 per channel of a constant")
    for scale in tensor.scales:
        if not (math.isfinite(scale) and scale > 0):
            raise ModelError(f"{place}: has the scale {scale}, expected a positive number; retrain, a channel is dead")
    for zero_point in tensor.zero_points:
        if not INT8_MIN <= zero_point <= INT8_MAX:
            raise ModelError(f"{place}: has the zero point {zero_point}, expected {INT8_MIN}..{INT8_MAX}")


def _check_operator(operator: Operator) -> None:
    place = _place(operator, operator.outputs[0])
    if operator.name not in OPERATORS:
        instead = _INSTEAD.get(operator.name, "build with the layers of network.py (ReLU or ReLU6 to activate)")
        raise ModelError(f"{place}: this operator is not accepted; {instead}")
    known = OPERATORS[operator.name]
    if operator.version > known:
        raise ModelError(
            f"{place}: has version {operator.version}, tflite-runtime 2.14 was tried up to {known}; "
            "convert with TensorFlow 2.21"
        )


def _check_scales(operator: Operator) -> None:
    """Weights are symmetric, and a bias counts in steps of input scale x weight scale: else the sums mean nothing."""
    if operator.name not in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
        return
    values, weights, *bias = operator.inputs
    if any(weights.zero_points):
        raise ModelError(
            f"{_place(operator, weights)}: zero point of weights is not 0; convert with fer-quantize convert"
        )
    steps = [scale * values.scales[0] for scale in weights.scales] if values.scales else []
    if bias and (len(bias[0].scales) != len(steps) or not np.allclose(bias[0].scales, steps, rtol=1e-3, atol=0)):
        raise ModelError(f"{_place(operator, bias[0])}: scale of the bias is not input scale x weight scale")


def _check_contract(graph: Graph, contract: Contract | DetectorContract) -> None:
    inputs, outputs, wanted = len(graph.inputs), len(graph.outputs), len(contract.outputs)
    if (inputs, outputs) != (1, wanted):
        expected = "1 of each" if wanted == 1 else f"1 and {wanted}"
        raise ModelError(f"model has {inputs} inputs and {outputs} outputs, expected {expected}")
    taken = graph.inputs[0]
    if taken.shape != contract.shape:
        raise ModelError(
            f"model input {taken.name!r} has the shape {taken.shape}, accepted is {contract.shape}; "
            "release other people's models with fer-quantize convert"
        )
    # Then int8 input = grey - 128, with no rounding: what the network saw in training is what it sees on the device.
    if (taken.scales, taken.zero_points) != ((1.0,), (INT8_MIN,)):
        raise ModelError(
            f"model input {taken.name!r} has scale {taken.scales} and zero point {taken.zero_points}, accepted are "
            f"1 and {INT8_MIN}; calibrate with pictures from black 0 to white 255"
        )
    missing = list(contract.outputs)
    for given in graph.outputs:
        if given.shape not in missing:
            accepted = " or ".join(dict.fromkeys(map(str, missing)))
            raise ModelError(
                f"model output {given.name!r} has the shape {given.shape}, accepted is {accepted}, {contract.meaning}"
            )
        missing.remove(given.shape)
