"""Whether an Edge TPU would run a file: a prediction for each operator, and the real compiler if it is installed.

Rules: "Supported operations" and "Model requirements" of https://coral.ai/docs/edgetpu/models-intro/ (compiler 16,
runtime 14). Coral does not document which sizes the compiler refuses
and how it schedules the 8 MB of memory: only the compiler knows.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge.errors import ModelError
from train.tflite.graph import Graph, Operator, Tensor

OPERATORS = frozenset(
    {
        *("ADD", "AVERAGE_POOL_2D", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D", "EXPAND_DIMS", "FULLY_CONNECTED"),
        *("L2_NORMALIZATION", "LOGISTIC", "MAXIMUM", "MAX_POOL_2D", "MEAN", "MINIMUM", "MUL", "PACK", "PAD", "PRELU"),
        *("QUANTIZE", "REDUCE_MAX", "REDUCE_MIN", "RELU", "RELU6", "RELU_N1_TO_1", "RESHAPE", "RESIZE_BILINEAR"),
        *("RESIZE_NEAREST_NEIGHBOR", "RSQRT", "SLICE", "SOFTMAX", "SPACE_TO_DEPTH", "SPLIT", "SQUARED_DIFFERENCE"),
        *("SQUEEZE", "STRIDED_SLICE", "SUB", "SUM", "TANH", "TRANSPOSE", "TRANSPOSE_CONV"),
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
    }
)

COMPILER = "edgetpu_compiler"

_SOFTMAX_LIMIT = 16_000


@dataclass(frozen=True, slots=True)
class Placement:
    """Where one operator would run: on the Edge TPU, or on the CPU for ``reasons``."""

    operator: Operator
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Forecast:
    """Where every operator of a file would run, in the order of the graph."""

    placements: tuple[Placement, ...]

    @property
    def mapped(self) -> int:
        """Operators on the Edge TPU: the compiler cuts the graph once, before the first that it cannot map."""
        return next((i for i, each in enumerate(self.placements) if each.reasons), len(self.placements))

    @property
    def whole(self) -> bool:
        """The file becomes one single operator on the Edge TPU."""
        return self.mapped == len(self.placements)


def forecast(graph: Graph) -> Forecast:
    """Predict where every operator of ``graph`` would run."""
    loops = ("the file has more than one subgraph (control flow)",) if graph.subgraphs != 1 else ()
    return Forecast(tuple(Placement(operator, (*loops, *_reasons(operator))) for operator in graph.operators))


def compile_for_edgetpu(model: Path, folder: Path) -> Path:
    """Run Coral's compiler on ``model`` and return the path of the compiled file in ``folder``.

    Raises:
        ModelError: the compiler is not installed, fails, or leaves an operator on the CPU.
    """
    program = shutil.which(COMPILER)
    if program is None:
        raise ModelError(f"{COMPILER}: is not installed; see https://coral.ai/docs/edgetpu/compiler/")
    done = subprocess.run([program, "-o", folder, model], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ModelError(f"{COMPILER} refuses {model}: {(done.stderr or done.stdout).strip().rpartition(chr(10))[2]}")
    left = re.search(r"will run on CPU: ([1-9]\d*)", done.stdout)
    if left:
        raise ModelError(f"{COMPILER} leaves operators of {model} on the CPU: {left[1]}, expected none")
    return folder / f"{model.stem}_edgetpu.tflite"


def _reasons(operator: Operator) -> Iterator[str]:
    if operator.name not in OPERATORS:
        yield "operation is not supported"
        return
    for tensor in (*operator.inputs, *operator.outputs):
        yield from _tensor_reasons(tensor)
    if operator.name in _RULES:
        yield from _RULES[operator.name](operator)


def _tensor_reasons(tensor: Tensor) -> Iterator[str]:
    if tensor.data is not None and tensor.dtype in ("INT32", "INT64"):  # biases, shapes, axes
        return
    if tensor.dtype not in ("INT8", "UINT8"):
        yield f"tensor {tensor.layer!r} is {tensor.dtype}, not 8 bit"
    if tensor.open_shape:
        yield f"tensor {tensor.layer!r} has an open shape"
    if tensor.data is None and any(n != 1 for n in tensor.shape[:-3]):
        yield f"tensor {tensor.layer!r} is larger than 1 outside its three innermost dimensions"


def _filter(operator: Operator) -> Iterator[str]:
    if any(tensor.data is None for tensor in operator.inputs[1:]):
        yield "weights or bias are computed, not constant"
    if operator.options.get("dilationWFactor") != operator.options.get("dilationHFactor"):
        yield "dilation differs between x and y"


def _no_activation(operator: Operator) -> Iterator[str]:
    if operator.options.get("fusedActivationFunction"):
        yield "has a fused activation"


def _concatenation(operator: Operator) -> Iterator[str]:
    yield from _no_activation(operator)
    for tensor in operator.inputs:
        if tensor.data is not None and (len(operator.inputs) != 2 or (tensor.data != tensor.zero_points[0]).any()):
            yield "joins a constant that is no padding with zeros"


def _fully_connected(operator: Operator) -> Iterator[str]:
    yield from _filter(operator)
    if operator.options.get("weightsFormat"):
        yield "format of the weights is not the default"
    if sum(n != 1 for n in operator.outputs[0].shape) > 1:
        yield "output is not one-dimensional"
    if len(operator.inputs[1].scales) > 1:  # compiler 16 is older than this form
        yield "weights are quantised per channel"


def _reduction(operator: Operator) -> Iterator[str]:
    shape, axes = operator.inputs[0].shape, operator.inputs[1].data
    if axes is None:
        yield "axes are computed, not constant"
        return
    reduced = {int(axis) % len(shape) for axis in axes.ravel()}
    if 0 in reduced:
        yield "reduces the batch dimension"
    if operator.name == "MEAN" and len(shape) - 1 in reduced and shape[-1] % 4:
        yield f"averages over {shape[-1]} channels, which is no multiple of 4"


def _pad(operator: Operator) -> Iterator[str]:
    margins = operator.inputs[1].data
    if margins is None or margins[0].any():
        yield "pads the batch dimension"


def _prelu(operator: Operator) -> Iterator[str]:
    if sum(n != 1 for n in operator.inputs[1].shape) > 1:
        yield "alpha is not one-dimensional"


def _softmax(operator: Operator) -> Iterator[str]:
    long = [n for n in operator.inputs[0].shape if n != 1]
    if len(long) > 1 or any(n > _SOFTMAX_LIMIT for n in long):
        yield f"input is not one-dimensional with at most {_SOFTMAX_LIMIT} elements"


def _strided_slice(operator: Operator) -> Iterator[str]:
    strides = operator.inputs[3].data
    if strides is None or (strides != 1).any():
        yield "a stride is not 1"
    if operator.options.get("ellipsisMask") or operator.options.get("newAxisMask"):
        yield "has an ellipsis or new-axis mask"


_RULES = {
    "AVERAGE_POOL_2D": _no_activation,
    "CONCATENATION": _concatenation,
    "CONV_2D": _filter,
    "DEPTHWISE_CONV_2D": _filter,
    "FULLY_CONNECTED": _fully_connected,
    "MAX_POOL_2D": _no_activation,
    "MEAN": _reduction,
    "PAD": _pad,
    "PRELU": _prelu,
    "REDUCE_MAX": _reduction,
    "REDUCE_MIN": _reduction,
    "SOFTMAX": _softmax,
    "STRIDED_SLICE": _strided_slice,
    "SUM": _reduction,
    "TRANSPOSE_CONV": _filter,
}
