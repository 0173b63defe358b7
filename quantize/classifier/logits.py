"""Takes the softmax off the end of a converted file, so that it answers with logits as ours do.

In the file and not in Keras: there a softmax hides in an activation, in a layer of its own or in a SavedModel, here it
is always the last operator. Its int8 answer has steps of 1/256, in which small probabilities vanish; the logits in
front of it have a scale of their own, and the host's softmax takes a temperature.
"""

from __future__ import annotations

import struct

from quantize.tflite.graph import read_graph, schema

_OPERATORS, _TENSOR_INDEX = 10, 6  # vtable offsets of SubGraph.operators and TensorMap.tensor_index in schema.fbs


def without_softmax(model: bytes) -> bytes:
    """``model`` with the input of its final softmax as output; a file that ends with anything else as it is.

    Three numbers change where they stand, so that constants keep their alignment: the count of operators, the output of
    the graph and that of its signature.

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
    vector = graph._tab.Vector(graph._tab.Offset(_OPERATORS))  # its length stands in the four bytes before it
    struct.pack_into("<I", content, vector - 4, count)
    graph.OutputsAsNumpy()[0] = logits  # a view of ``content``
    for i in range(document.SignatureDefsLength()):
        table = document.SignatureDefs(i).Outputs(0)._tab
        struct.pack_into("<I", content, table.Pos + table.Offset(_TENSOR_INDEX), logits)
    return bytes(content)
