"""Gives an int8 .tflite file float32 inputs and outputs, for a runtime that takes no int8 at the edges (LiteRT.js).

The network between the edges stays as it is: a QUANTIZE operator goes before the first operator and a DEQUANTIZE after
each output, with the scale and zero point that the tensors have. So the weights and every number inside are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edge.errors import ModelError
from train.tflite.graph import read_graph, schema
from train.tflite.objects import new_operator, pack, unpack

_VERSIONS = {"QUANTIZE": 1, "DEQUANTIZE": 2}  # the first that know int8


def with_float_edges(model: bytes, order: Sequence[int] | None = None) -> bytes:
    """``model`` with float32 inputs and outputs of the same shapes.

    Args:
        model: the content of a .tflite file with int8 inputs and outputs.
        order: which output comes first, second and so on; by default they stay in order. Without a signature, which
            would have an order of its own, a runtime keeps to this one.

    Raises:
        ModelError: the bytes are no whole TFLite model, or an input or output is not int8.
    """
    graph = read_graph(model)
    wrong = [tensor.name for tensor in (*graph.inputs, *graph.outputs) if tensor.dtype != "INT8"]
    if wrong:
        raise ModelError(f"model tensor {wrong[0]!r} is not int8; expected an int8 release")
    document = unpack(model)
    subgraph = document.subgraphs[0]
    inputs = {int(index): _float_twin(subgraph, index) for index in subgraph.inputs}
    outputs = {int(index): _float_twin(subgraph, index) for index in subgraph.outputs}
    before = [_operator(document, "QUANTIZE", outside, inside) for inside, outside in inputs.items()]
    after = [_operator(document, "DEQUANTIZE", inside, outside) for inside, outside in outputs.items()]
    subgraph.operators = [*before, *subgraph.operators, *after]
    subgraph.inputs = [inputs[int(index)] for index in subgraph.inputs]
    subgraph.outputs = [outputs[int(subgraph.outputs[i])] for i in order or range(len(subgraph.outputs))]
    document.signatureDefs = []
    return pack(document)


def _float_twin(subgraph: Any, index: int) -> int:
    """Add a float32 tensor like tensor ``index``; returns its own index."""
    tables = schema()
    original, twin = subgraph.tensors[index], tables.TensorT()
    twin.name = original.name + b"_float"
    twin.type = tables.TensorType.FLOAT32
    twin.shape, twin.shapeSignature = original.shape, original.shapeSignature
    twin.hasRank = original.hasRank
    twin.buffer = 0  # by convention the empty one
    subgraph.tensors.append(twin)
    return len(subgraph.tensors) - 1


def _operator(document: Any, name: str, source: int, target: int) -> Any:
    return new_operator(document, name, [source], target, version=_VERSIONS[name])
