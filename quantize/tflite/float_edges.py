"""Gives an int8 .tflite file float32 inputs and outputs, for a runtime that takes no int8 at the edges (LiteRT.js).

The network between the edges stays as it is: a QUANTIZE operator goes before the first operator and a DEQUANTIZE after
each output, with the scale and zero point that the tensors have. So the weights and every number inside are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edge.errors import ModelError
from quantize.tflite.graph import read_graph, schema

_VERSIONS = {"QUANTIZE": 1, "DEQUANTIZE": 2}  # the first that know int8
_ALIGNMENT = 16  # of constants, as the converter aligns them


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
    tables = schema()
    document = tables.ModelT.InitFromObj(tables.Model.GetRootAs(model, 0))
    subgraph = document.subgraphs[0]
    inputs = {int(index): _float_twin(subgraph, index) for index in subgraph.inputs}
    outputs = {int(index): _float_twin(subgraph, index) for index in subgraph.outputs}
    before = [_operator(document, "QUANTIZE", outside, inside) for inside, outside in inputs.items()]
    after = [_operator(document, "DEQUANTIZE", inside, outside) for inside, outside in outputs.items()]
    subgraph.operators = [*before, *subgraph.operators, *after]
    subgraph.inputs = [inputs[int(index)] for index in subgraph.inputs]
    subgraph.outputs = [outputs[int(subgraph.outputs[i])] for i in order or range(len(subgraph.outputs))]
    document.signatureDefs = []
    builder = _builder()
    builder.Finish(document.Pack(builder), b"TFL3")
    return bytes(builder.Output())


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
    tables = schema()
    number = getattr(tables.BuiltinOperator, name)
    code, operator = tables.OperatorCodeT(), tables.OperatorT()
    code.builtinCode = code.deprecatedBuiltinCode = number
    code.version = _VERSIONS[name]
    known = [(each.builtinCode, each.version) for each in document.operatorCodes]
    if (number, code.version) not in known:
        document.operatorCodes.append(code)
        known.append((number, code.version))
    operator.opcodeIndex = known.index((number, code.version))
    operator.inputs, operator.outputs = [source], [target]
    return operator


def _builder() -> Any:
    import flatbuffers

    class Builder(flatbuffers.Builder):  # type: ignore[misc]
        def CreateNumpyVector(self, values: Any) -> Any:  # noqa: N802
            """As the library does it for bytes, which are the constants, but aligned."""
            if values.dtype != np.uint8:
                return super().CreateNumpyVector(values)
            self.StartVector(1, len(values), _ALIGNMENT)
            self.head = self.Head() - len(values)
            self.Bytes[self.Head() : self.Head() + len(values)] = values.tobytes()
            return self.EndVector()

    return Builder(1 << 20)
