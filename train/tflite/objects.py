"""A .tflite file as objects of its schema, to change and to write again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from train.tflite.graph import read_graph, schema

_ALIGNMENT = 16  # of constants, as the converter aligns them


def unpack(model: bytes) -> Any:
    """The content of a .tflite file as objects.

    Raises:
        ModelError: the bytes are no whole TFLite model.
    """
    read_graph(model)
    tables = schema()
    return tables.ModelT.InitFromObj(tables.Model.GetRootAs(model, 0))


def pack(document: Any) -> bytes:
    """The .tflite file of ``document``.

    Entries for operators that it no longer has are left out, since not every runtime takes them.
    """
    import flatbuffers

    operators = [operator for graph in document.subgraphs for operator in graph.operators]
    used = sorted({operator.opcodeIndex for operator in operators})
    document.operatorCodes = [document.operatorCodes[index] for index in used]
    for operator in operators:
        operator.opcodeIndex = used.index(operator.opcodeIndex)

    class Builder(flatbuffers.Builder):  # type: ignore[misc]
        def CreateNumpyVector(self, values: Any) -> Any:  # noqa: N802
            """As the library does it for bytes, which are the constants, but aligned."""
            if values.dtype != np.uint8:
                return super().CreateNumpyVector(values)
            self.StartVector(1, len(values), _ALIGNMENT)
            self.head = self.Head() - len(values)
            self.Bytes[self.Head() : self.Head() + len(values)] = values.tobytes()
            return self.EndVector()

    builder = Builder(1 << 20)
    builder.Finish(document.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def operator_name(document: Any, operator: Any) -> str:
    """The schema's name of an operator, such as CONV_2D."""
    code = document.operatorCodes[operator.opcodeIndex]
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    names = {value: name for name, value in vars(schema().BuiltinOperator).items() if isinstance(value, int)}
    return str(names[number])


def new_operator(document: Any, name: str, inputs: Sequence[int], output: int, *, version: int = 1) -> Any:
    """An operator ``name`` without options between tensors, which belongs to no subgraph yet."""
    tables = schema()
    number = getattr(tables.BuiltinOperator, name)
    code, operator = tables.OperatorCodeT(), tables.OperatorT()
    code.builtinCode = code.deprecatedBuiltinCode = number
    code.version = version
    known = [(each.builtinCode, each.version) for each in document.operatorCodes]
    if (number, version) not in known:
        document.operatorCodes.append(code)
        known.append((number, version))
    operator.opcodeIndex = known.index((number, version))
    operator.inputs, operator.outputs = list(inputs), [output]
    return operator


def new_tensor(document: Any, name: str, shape: Sequence[int], values: npt.NDArray[np.float32] | None = None) -> int:
    """Add a float32 tensor to the first subgraph, a constant if it has ``values``; returns its index."""
    tables = schema()
    tensor = tables.TensorT()
    tensor.name, tensor.type = name.encode(), tables.TensorType.FLOAT32
    tensor.shape, tensor.hasRank = np.array(shape, np.int32), True
    tensor.buffer = 0  # by convention the empty one
    if values is not None:
        set_constant(document, tensor, values)
    document.subgraphs[0].tensors.append(tensor)
    return len(document.subgraphs[0].tensors) - 1


def set_constant(document: Any, tensor: Any, values: npt.NDArray[Any]) -> None:
    """Give ``tensor`` a constant of its own."""
    buffer = schema().BufferT()
    buffer.data = np.frombuffer(values.tobytes(), np.uint8)
    document.buffers.append(buffer)
    tensor.shape = np.array(values.shape, np.int32)
    tensor.buffer = len(document.buffers) - 1
