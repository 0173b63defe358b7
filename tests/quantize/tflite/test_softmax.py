from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from edge.model.probabilities import softmax
from edge.records import Pixels
from quantize.tflite.convert import convert_float, convert_int8
from quantize.tflite.graph import read_graph
from quantize.tflite.inference import run
from quantize.tflite.runtimes import run_float
from quantize.tflite.softmax import without_softmax


@pytest.fixture(scope="module")
def probable(network: Any) -> Any:
    """A head of ``network`` with a softmax at its end."""
    return keras.Model(network.inputs, layers.Softmax()(network.outputs[0]))


def test_the_softmax_is_gone_and_its_input_is_the_output(probable: Any, pixels: Pixels) -> None:
    whole = convert_int8(probable, pixels)

    cut = without_softmax(whole)

    before, after = read_graph(whole), read_graph(cut)
    assert [each.name for each in after.operators] == [each.name for each in before.operators[:-1]]
    assert after.outputs == before.operators[-1].inputs
    assert after.outputs[0].shape == (1, 7)
    assert len(cut) == len(whole)


def test_what_remains_outputs_the_logits_of_the_probabilities(probable: Any, pixels: Pixels) -> None:
    taken = pixels[..., np.newaxis].astype(np.float32)

    logits = run_float(without_softmax(convert_float(probable)), pixels)
    outputs = run(without_softmax(convert_int8(probable, pixels)), pixels)

    assert np.allclose(softmax(logits, 1.0), probable.predict(taken, verbose=0), atol=1e-5)
    assert np.abs(outputs.dequantized - logits).max() < 4 * outputs.scale[0]


def test_a_file_that_ends_with_logits_stays_as_it_is(int8_file: bytes) -> None:
    assert without_softmax(int8_file) is int8_file
