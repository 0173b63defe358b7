"""The graph of a .tflite file as records, read from the flatbuffer itself."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.errors import ModelError
from edge.model.flatbuffer import verify_model

_DTYPES = {"FLOAT32": np.float32, "INT8": np.int8, "UINT8": np.uint8, "INT32": np.int32, "INT64": np.int64}

_LEAST_INPUTS = {
    **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV", "PAD", "PRELU"), 2),
    **dict.fromkeys(("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"), 2),
    "STRIDED_SLICE": 4,
}
"""Inputs that an operator must have, where that is more than one; ``read_graph`` refuses a file with fewer."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor. ``dtype`` has the schema's name (INT8); ``scales`` holds one number, or one per channel, or none.

    ``data`` are the values of a constant (raw bytes for types that are never released), None for a computed tensor.
    ``open_shape`` means that a dimension is fixed only when the model runs.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    open_shape: bool
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    data: npt.NDArray[Any] | None

    @property
    def layer(self) -> str:
        """The layer it comes from, for people: the converter joins the names of all layers that it fused."""
        return self.name.partition(";")[0]


@dataclass(frozen=True, slots=True)
class Operator:
    """One step of the graph. ``name`` and the keys of ``options`` are the schema's: CONV_2D, dilationWFactor."""

    index: int
    name: str
    version: int
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    options: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Graph:
    """What a file holds. More than one of ``subgraphs`` means control flow; the other fields describe the first."""

    size_bytes: int
    subgraphs: int
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]


def read_graph(model: bytes) -> Graph:
    """Read the content of a .tflite file.

    Raises:
        ModelError: the bytes are no whole TFLite model.
    """
    verify_model(model)
    try:
        return _graph(model)
    except (struct.error, LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ModelError(f"model of {len(model)} bytes is damaged ({error}); expected a .tflite file") from error


def _graph(model: bytes) -> Graph:
    tables = schema()
    document = tables.ModelT.InitFromObj(tables.Model.GetRootAs(model, 0))
    dtypes, builtins = _names(tables.TensorType), _names(tables.BuiltinOperator)
    first = document.subgraphs[0]
    tensors = tuple(_tensor(tensor, document.buffers[tensor.buffer].data, dtypes) for tensor in first.tensors)

    def select(indices: Any) -> tuple[Tensor, ...]:
        return tuple(tensors[i] for i in indices if i >= 0)  # -1: an optional input that is left out

    operators = []
    for index, step in enumerate(first.operators):
        code = document.operatorCodes[step.opcodeIndex]
        name = builtins[max(code.builtinCode, code.deprecatedBuiltinCode)]
        if name == "CUSTOM":
            name = f"CUSTOM {code.customCode.decode()}"
        settings = vars(step.builtinOptions) if step.builtinOptions else {}
        options = {key: int(value) for key, value in settings.items() if isinstance(value, int)}
        inputs, outputs = select(step.inputs), select(step.outputs)
        if len(inputs) < _LEAST_INPUTS.get(name, 1) or not outputs:
            raise ValueError(f"operator {index} {name} has {len(inputs)} inputs and {len(outputs)} outputs")
        operators.append(Operator(index, name, code.version, inputs, outputs, options))
    return Graph(
        len(model), len(document.subgraphs), select(first.inputs), select(first.outputs), tensors, tuple(operators)
    )


def _tensor(tensor: Any, data: Any, dtypes: dict[int, str]) -> Tensor:
    dtype, quantization = dtypes[tensor.type], tensor.quantization
    shape = tuple(int(n) for n in _vector(tensor.shape))
    constant = None
    if data is not None and len(data):
        constant = np.frombuffer(bytes(data), _DTYPES.get(dtype, np.uint8))
        if dtype in _DTYPES:
            constant = constant.reshape(shape)
    return Tensor(
        name=tensor.name.decode(),
        dtype=dtype,
        shape=shape,
        open_shape=any(n < 0 for n in _vector(tensor.shapeSignature)),
        scales=tuple(float(s) for s in _vector(quantization and quantization.scale)),
        zero_points=tuple(int(z) for z in _vector(quantization and quantization.zeroPoint)),
        data=constant,
    )


def _vector(values: Any) -> Any:
    return () if values is None else values


def _names(codes: type) -> dict[int, str]:
    return {code: name for name, code in vars(codes).items() if isinstance(code, int)}


def schema() -> Any:
    """Readers of a .tflite file's tables, generated from TensorFlow's schema.fbs."""
    try:
        from ai_edge_litert import schema_py_generated as tables
    except ImportError:  # a workstation with tflite-runtime
        from tensorflow.lite.python import schema_py_generated as tables
    return tables
