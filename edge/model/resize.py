"""A fully convolutional .tflite file -> the same network for an image of another size.

Only numbers change, in their places: the shapes of the activations and the sizes that upsampling is told. A runtime's
own ``resize_tensor_input`` knows nothing of the second, and XNNPACK refuses the result.

Layout and field numbers: see ``flatbuffer.py``, which has verified the file.
"""

from __future__ import annotations

import struct

from edge.errors import ModelError

_UPSAMPLING = 23, 97
"""Builtin operators that are told a size: RESIZE_BILINEAR, RESIZE_NEAREST_NEIGHBOR."""


def resized(model: bytes, old: tuple[int, int], new: tuple[int, int]) -> bytes:
    """``model``, which takes images of ``old`` height and width, for images of ``new``.

    Raises:
        ModelError: a part of it does not come out even, so it is for one size only.
    """
    file = _File(model)
    (graph, *_), buffers, codes = (file.tables(file.root, field) for field in (2, 4, 1))
    tensors = file.tables(graph, 0)

    def constant(tensor: int) -> tuple[int, int]:
        return file.vector(buffers[file.number(tensor, 2)], 0)

    pairs = set()  # where a height and a width lie
    for tensor in tensors:
        shape, count = file.vector(tensor, 0)
        if count == 4 and not constant(tensor)[1]:
            pairs.add(shape + 4)
    for operator in file.tables(graph, 3):
        if file.number(codes[file.number(operator, 0)], 3) in _UPSAMPLING:
            inputs, _ = file.vector(operator, 1)
            size, count = constant(tensors[file.at("<i", inputs + 4)])
            if count == 8:
                pairs.add(size)
    changed = bytearray(model)
    for pair in pairs:
        for at, before, after in zip((pair, pair + 4), old, new, strict=True):
            value, rest = divmod(file.at("<i", at) * after, before)
            if rest:
                raise ModelError(f"model for images of {old[1]}x{old[0]} cannot take {new[1]}x{new[0]}")
            struct.pack_into("<i", changed, at, value)
    return bytes(changed)


class _File:
    """Reads tables, vectors and numbers by their offsets."""

    def __init__(self, model: bytes) -> None:
        self._model = model
        self.root = self.at("<I", 0)

    def at(self, kind: str, offset: int) -> int:
        """One number."""
        return int(struct.unpack_from(kind, self._model, offset)[0])

    def _field(self, table: int, field: int) -> int:
        """Where a field lies; 0 if it is absent."""
        vtable, slot = table - self.at("<i", table), 4 + 2 * field
        offset = self.at("<H", vtable + slot) if slot < self.at("<H", vtable) else 0
        return table + offset if offset else 0

    def number(self, table: int, field: int) -> int:
        """An int32 or uint32; 0 if it is absent."""
        place = self._field(table, field)
        return self.at("<i", place) if place else 0

    def vector(self, table: int, field: int) -> tuple[int, int]:
        """Where its first element lies, and how many there are."""
        place = self._field(table, field)
        if not place:
            return 0, 0
        start = place + self.at("<I", place)
        return start + 4, self.at("<I", start)

    def tables(self, table: int, field: int) -> list[int]:
        """Those that a vector lists."""
        start, count = self.vector(table, field)
        return [each + self.at("<I", each) for each in range(start, start + 4 * count, 4)]
