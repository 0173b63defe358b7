"""Changes float .tflite files of other people: their constants become float32, their outputs logits of a few labels,
and their input grey levels 0..255.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.errors import ModelError
from train.tflite.graph import schema
from train.tflite.objects import new_operator, new_tensor, operator_name, pack, set_constant, unpack
from train.tflite.run import open_in_tensorflow

_SOFTMAX = ("SOFTMAX", "LOG_SOFTMAX")


def in_float(model: bytes) -> bytes:
    """``model`` in float32 and with a batch of 1: constants in float16 or int8 become float32, and so do int8 tensors
    between operators.

    Raises:
        ModelError: the bytes are no whole TFLite model.
    """
    document = unpack(model)
    types, graph = schema().TensorType, document.subgraphs[0]
    dtypes = {
        types.FLOAT16: np.float16,
        types.INT8: np.int8,
        types.UINT8: np.uint8,
        types.INT16: np.int16,
        types.INT32: np.int32,
    }
    for tensor in graph.tensors:
        tensor.shapeSignature = None  # an open batch is 1
        quantised = tensor.quantization is not None and tensor.quantization.scale is not None
        if not (tensor.type == types.FLOAT16 or (quantised and tensor.type in dtypes)):
            continue
        data = document.buffers[tensor.buffer].data
        if data is not None and len(data):
            values = np.frombuffer(bytes(data), dtypes[tensor.type]).reshape(tensor.shape).astype(np.float64)
            values = _dequantised(values, tensor.quantization) if quantised else values
            set_constant(document, tensor, values.astype(np.float32))
        tensor.type, tensor.quantization = types.FLOAT32, None
    copies = ("QUANTIZE", "DEQUANTIZE")
    origin: dict[int, int] = {}  # of the output of each operator that only changed the type
    kept = []
    for operator in graph.operators:
        operator.inputs = [origin.get(int(i), int(i)) for i in operator.inputs]
        if operator_name(document, operator) in copies:
            origin[int(operator.outputs[0])] = operator.inputs[0]
        else:
            kept.append(operator)
    graph.operators = kept
    graph.outputs = [origin.get(int(i), int(i)) for i in graph.outputs]
    document.signatureDefs = []
    return pack(document)


def with_fixed_shapes(model: bytes) -> bytes:
    """A float ``model`` without the operators that compute shapes, as the converter writes them for an open batch.

    What they compute is the same for every image, so one run gives the constants that replace them.
    """
    document, integers = unpack(model), schema().TensorType.INT32
    graph = document.subgraphs[0]
    computing = [each for each in graph.operators if all(graph.tensors[i].type == integers for i in each.outputs)]
    if not computing:
        return model
    interpreter = open_in_tensorflow(model, "BUILTIN_WITHOUT_DEFAULT_DELEGATES", keep_all=True)
    interpreter.invoke()
    for index in [int(i) for operator in computing for i in operator.outputs]:
        set_constant(document, graph.tensors[index], interpreter.get_tensor(index))
    graph.operators = [each for each in graph.operators if each not in computing]
    return pack(document)


def _dequantised(values: npt.NDArray[np.float64], quantization: Any) -> npt.NDArray[np.float64]:
    scale = np.array(quantization.scale, np.float64)
    zero_point = np.zeros(len(scale)) if quantization.zeroPoint is None else np.array(quantization.zeroPoint)
    if len(scale) > 1:
        along = [1] * values.ndim
        along[quantization.quantizedDimension] = len(scale)
        scale, zero_point = scale.reshape(along), zero_point.reshape(along)
    return np.asarray(scale * (values - zero_point), np.float64)


def with_logits(model: bytes, labels: int | None) -> tuple[bytes, str]:
    """A float ``model`` whose only output is a row of logits, and how it ended before: softmax, sigmoid or logits.

    A softmax is left out: the host computes it. So are sigmoids, one for each label: the order of the labels stays.
    A single sigmoid s of a question with two answers becomes the logits whose softmax is (1 - s, s).

    Args:
        model: the content of a float file.
        labels: how many logits are wanted, to choose among several outputs; None where nobody knows.

    Raises:
        ModelError: no output, or more than one, is a row of numbers that could be for labels.
    """
    document = unpack(model)
    graph = document.subgraphs[0]
    shapes = [tuple(map(int, graph.tensors[i].shape)) for i in graph.outputs]
    rows = [i for i, shape in zip(graph.outputs, shapes, strict=True) if len(shape) == 2 and shape[0] == 1]
    fitting = [i for i in rows if labels in (None, graph.tensors[i].shape[1])]
    if labels == 2 and not fitting:
        fitting = [i for i in rows if graph.tensors[i].shape[1] == 1]
    if not fitting and len(rows) == len(shapes) == 1:
        numbers = graph.tensors[rows[0]].shape[1]
        if numbers == 1:
            raise ModelError(
                f"gives 1 number, which tells two labels apart, for {labels} labels; list its two with --labels, "
                "first the one that a low number stands for"
            )
        raise ModelError(
            f"gives {numbers} numbers for {labels} labels; list its own, one for each number, with --labels"
        )
    if len(fitting) != 1:
        given = " and ".join(map(str, shapes))
        wanted = "one row of numbers, one for each label" if labels is None else f"one row of {labels} numbers"
        raise ModelError(f"gives {given}, expected {wanted}; {_ADVICE_ON_OUTPUTS[len(shapes) > 1]}")
    output = int(fitting[0])
    single = graph.tensors[output].shape[1] == 1
    last = _source(graph, output)
    name = operator_name(document, last) if last else ""
    end = "softmax" if name in _SOFTMAX else "sigmoid" if name == "LOGISTIC" else "logits"
    if end != "logits":
        graph.operators.remove(last)
        output = int(last.inputs[0])
    if single:
        _split(document, output)
    graph.outputs = [output]
    document.signatureDefs = []
    return pack(document), end


_ADVICE_ON_OUTPUTS = {
    False: "export it with its last layer; if it has other labels, list them with --labels, one for each number",
    True: "with --labels, name the labels of the output that you want, one for each of its numbers",
}


def _source(graph: Any, tensor: int) -> Any:
    return next((each for each in graph.operators if tensor in each.outputs), None)


def _split(document: Any, output: int) -> None:
    """Let the dense layer that computes one logit z compute two instead, -z/2 and z/2."""
    graph = document.subgraphs[0]
    dense = _source(graph, output)
    if dense is None or operator_name(document, dense) != "FULLY_CONNECTED":
        raise ModelError("gives one number that no dense layer computes; train it with one output for each label")
    for index in map(int, dense.inputs[1:]):
        if index >= 0:
            tensor = graph.tensors[index]
            values = np.frombuffer(bytes(document.buffers[tensor.buffer].data), np.float32).reshape(tensor.shape) / 2
            set_constant(document, tensor, np.concatenate([-values, values]))
    graph.tensors[output].shape = np.array([1, 2], np.int32)
    graph.tensors[output].shapeSignature = None


def with_range(model: bytes, scale: Sequence[float], offset: Sequence[float]) -> bytes:
    """A float ``model`` that takes grey levels 0..255, and gives ``scale`` * grey + ``offset`` to the first layer.

    ``scale`` and ``offset`` have a number for each channel of the image.
    """
    document, tables = unpack(model), schema()
    graph = document.subgraphs[0]
    inside = int(graph.inputs[0])
    shape = list(map(int, graph.tensors[inside].shape))
    steps = []
    if any(number != 1 for number in scale):
        steps.append(("MUL", "scale", scale))
    if any(number != 0 for number in offset):
        steps.append(("ADD", "offset", offset))
    at = pixels = new_tensor(document, "pixels", shape) if steps else inside
    added = []
    for number, (operator, name, values) in enumerate(steps, 1):
        constant = new_tensor(document, name, (len(values),), np.array(values, np.float32))
        after = inside if number == len(steps) else new_tensor(document, f"pixels_{name}", shape)
        step = new_operator(document, operator, [at, constant], after)
        step.builtinOptionsType = getattr(tables.BuiltinOptions, f"{operator.title()}Options")
        step.builtinOptions = getattr(tables, f"{operator.title()}OptionsT")()
        added.append(step)
        at = after
    graph.operators = [*added, *graph.operators]
    graph.inputs = [pixels]
    document.signatureDefs = []
    return pack(document)
