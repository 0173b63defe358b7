from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import pytest
from keras import layers

from edge.errors import ConfigError
from edge.records import Pixels
from quantize.tflite.convert import convert_float, convert_int8
from train.run.saved import open_classifier
from train.tflite.graph import read_graph


def test_converting_again_gives_the_same_bytes_even_after_other_models_were_built(
    network: Any, pixels: Pixels, int8_file: bytes
) -> None:
    layers.Conv2D(3, 3)(keras.Input((8, 8, 1)))

    again = convert_int8(network, pixels)

    assert again == int8_file


def test_a_saved_and_opened_model_converts_to_the_same_bytes_each_time(
    network: Any, pixels: Pixels, tmp_path: Path
) -> None:
    network.save(tmp_path / "model.keras")

    first, second = (convert_int8(open_classifier(tmp_path / "model.keras"), pixels) for _ in range(2))

    assert first == second


def test_no_tensor_stays_float_and_the_batch_is_one(int8_file: bytes) -> None:
    graph = read_graph(int8_file)

    assert {tensor.dtype for tensor in graph.tensors} == {"INT8", "INT32"}
    assert graph.inputs[0].shape == (1, 48, 48, 1)


def test_the_input_is_the_grey_level_less_128(int8_file: bytes) -> None:
    taken = read_graph(int8_file).inputs[0]

    assert (taken.scales, taken.zero_points) == ((1.0,), (-128,))


def test_normalisation_and_batch_normalisation_vanish_into_the_convolutions(int8_file: bytes) -> None:
    names = {operator.name for operator in read_graph(int8_file).operators}

    assert names == {"CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "MEAN", "FULLY_CONNECTED"}


def test_convolutions_have_a_scale_per_channel_and_the_dense_layer_one_for_the_edge_tpu(int8_file: bytes) -> None:
    scales = {operator.name: len(operator.inputs[1].scales) for operator in read_graph(int8_file).operators}

    assert scales["CONV_2D"] == scales["DEPTHWISE_CONV_2D"] == 8
    assert scales["FULLY_CONNECTED"] == 1


def test_outputs_come_in_the_order_of_the_keras_model(pixels: Pixels) -> None:
    image = keras.Input((48, 48, 1))
    mean = keras.layers.GlobalAveragePooling2D()(image)
    lengths = (3, 1, 5, 2, 4)
    model = keras.Model(image, [keras.layers.Dense(length)(mean) for length in lengths])

    for content in (convert_int8(model, pixels), convert_float(model)):
        assert [output.shape for output in read_graph(content).outputs] == [(1, length) for length in lengths]


def test_another_keras_backend_is_refused(network: Any, pixels: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")

    with pytest.raises(ConfigError, match="KERAS_BACKEND is 'jax', converting needs 'tensorflow'"):
        convert_int8(network, pixels)
