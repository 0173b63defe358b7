from __future__ import annotations

import contextlib

import numpy as np
import pytest

from edge.errors import ModelError
from quantize.tflite.edgetpu import forecast
from quantize.tflite.verify import verify
from train.tflite.graph import read_graph


def test_operators_come_in_order_with_versions_options_and_tensors(int8_file: bytes) -> None:
    graph = read_graph(int8_file)

    first, last = graph.operators[0], graph.operators[-1]
    assert (first.index, first.name, first.version) == (0, "CONV_2D", 3)
    assert first.options["strideW"] == 1
    assert first.inputs[0] == graph.inputs[0]
    assert (last.name, *last.outputs) in [("FULLY_CONNECTED", output) for output in graph.outputs]


def test_constants_have_values_and_computed_tensors_have_none(int8_file: bytes) -> None:
    image, weights, bias = read_graph(int8_file).operators[0].inputs

    assert image.data is None
    assert weights.data is not None
    assert weights.data.shape == weights.shape == (4, 3, 3, 1)
    assert bias.data is not None
    assert bias.data.dtype == np.int32


def test_a_layer_is_named_by_the_first_of_those_that_were_fused(int8_file: bytes) -> None:
    output = read_graph(int8_file).operators[0].outputs[0]

    assert output.layer.endswith("Relu")
    assert output.name.startswith(f"{output.layer};")


def test_a_file_that_is_not_a_tflite_model_is_refused() -> None:
    with pytest.raises(ModelError, match=r"expected a .tflite file"):
        read_graph(b"PK\x03\x04 a zip archive, say")


def test_a_damaged_file_is_refused_or_read_but_never_raises_anything_else(int8_file: bytes) -> None:
    random = np.random.RandomState(3)
    read = 0
    for attempt in range(150):
        damaged = bytearray(int8_file)
        for _ in range(1 + attempt % 4):
            damaged[random.randint(len(damaged))] ^= 1 << random.randint(8)
        if attempt % 3 == 0:
            del damaged[random.randint(len(damaged)) :]
        with contextlib.suppress(ModelError):
            forecast(read_graph(bytes(damaged)))
            verify(bytes(damaged))
            read += 1

    assert read < 150
