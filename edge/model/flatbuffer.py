"""Refuses bytes that are not a whole TFLite file, before a runtime sees them.

tflite-runtime has no verifier: a truncated file kills the process with SIGSEGV instead of raising (seen with 2.14; its
successor verifies). The walk visits the tables and vectors that every model has and checks that they lie inside the
file, not that they make sense: only the manifest's sha256 shows that the content is the released one.

Layout: https://flatbuffers.dev/internals/. Field numbers: tensorflow/lite/schema/schema.fbs.
"""

from __future__ import annotations

import struct
from typing import TypeAlias

from edge.errors import ModelError

_Layout: TypeAlias = dict[int, "int | _Layout"]
"""Number of a table's field -> bytes per element of that vector, or the layout of the tables that it lists."""

_OPERATOR: _Layout = {1: 4, 2: 4}  # inputs, outputs
_TENSOR: _Layout = {0: 4, 3: 1}  # shape, name
_SUBGRAPH: _Layout = {0: _TENSOR, 1: 4, 2: 4, 3: _OPERATOR, 4: 1}  # tensors, inputs, outputs, operators, name
_BUFFER: _Layout = {0: 1}  # data
_MODEL: _Layout = {1: {}, 2: _SUBGRAPH, 3: 1, 4: _BUFFER}  # operator codes, subgraphs, description, buffers


def verify_model(model: bytes) -> None:
    """Check that ``model`` begins as a TFLite file does and that none of its parts is cut off.

    Raises:
        ModelError: it does not, or one is.
    """
    if model[4:8] != b"TFL3":
        raise ModelError(f"model of {len(model)} bytes begins with {model[:8]!r}; expected a .tflite file ('TFL3')")
    try:
        (root,) = struct.unpack_from("<I", model)
        _walk(model, root, _MODEL)
    except (struct.error, IndexError) as error:
        raise ModelError(f"model of {len(model)} bytes is cut off or damaged; expected a whole .tflite file") from error


def _walk(model: bytes, table: int, layout: _Layout) -> None:
    vtable = table - struct.unpack_from("<i", model, table)[0]
    vtable_size, table_size = struct.unpack_from("<HH", model, vtable)
    if vtable_size < 4:
        raise IndexError(f"the table at byte {table} describes itself in {vtable_size} bytes")
    _check_end(model, table + table_size)
    for field, element in layout.items():
        slot = 4 + 2 * field
        offset = struct.unpack_from("<H", model, vtable + slot)[0] if slot < vtable_size else 0
        if offset == 0:  # an absent field
            continue
        vector = table + offset + struct.unpack_from("<I", model, table + offset)[0]
        (count,) = struct.unpack_from("<I", model, vector)
        end = vector + 4 + count * (element if isinstance(element, int) else 4)
        _check_end(model, end)
        if not isinstance(element, int):
            for at in range(vector + 4, end, 4):
                _walk(model, at + struct.unpack_from("<I", model, at)[0], element)


def _check_end(model: bytes, end: int) -> None:
    if end > len(model):
        raise IndexError(f"a part ends at byte {end} of {len(model)}")
