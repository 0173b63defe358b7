"""Removes the softmax at the end of a .tflite file, so that the file outputs logits.

This is done in the file and not in Keras: there, a softmax may be an activation, a layer of its own or part of a
SavedModel; in the file it is always the last operator. An int8 softmax has steps of 1/256, in which small
probabilities vanish; the logits before it have a scale of their own, and the host's softmax takes a temperature.
"""

from __future__ import annotations

import struct

from quantize.tflite.graph import read_graph, schema

_OPERATORS, _TENSOR_INDEX = 10, 6  # vtable offsets of SubGraph.operators and TensorMap.tensor_index in schema.fbs


def without_softmax(model: bytes) -> bytes:
    """``model`` with the input of its final softmax as its output; unchanged if it ends with another operator.

    Three numbers change in place, so that constants keep their alignment: the number of operators, the output of the
    graph and the output of its signature.

    Raises:
        ModelError: the bytes are no whole TFLite model.
    """
    if read_graph(model).operators[-1].name != "SOFTMAX":
        return model
    content = bytearray(model)
    document = schema().Model.GetRootAs(content, 0)
    graph = document.Subgraphs(0)
    count = graph.OperatorsLength() - 1
    logits = graph.Operators(count).Inputs(0)
    vector = graph._tab.Vector(graph._tab.Offset(_OPERATORS))  # the four bytes before it hold its length
    struct.pack_into("<I", content, vector - 4, count)
    graph.OutputsAsNumpy()[0] = logits  # a view of ``content``
    for i in range(document.SignatureDefsLength()):
        table = document.SignatureDefs(i).Outputs(0)._tab
        struct.pack_into("<I", content, table.Pos + table.Offset(_TENSOR_INDEX), logits)
    return bytes(content)
