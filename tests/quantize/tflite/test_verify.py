from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from edge.errors import ModelError
from edge.labels import HEADS
from edge.records import Pixels
from quantize.tflite.convert import convert_int8
from quantize.tflite.verify import check_range, verify

Alter = Callable[[Callable[[Any], None]], bytes]


def small(activation: str | None = "relu", classes: int = 7, size_px: int = 48, last: str | None = None) -> Any:
    """A classifier of one convolution."""
    keras.utils.set_random_seed(1)
    x = pixels = keras.Input((size_px, size_px, 1))
    for layer in (
        layers.Rescaling(1 / 255),
        layers.Conv2D(4, 3, 2),
        layers.Activation(activation),
        layers.GlobalAveragePooling2D(),
    ):
        x = layer(x)
    return keras.Model(pixels, [layers.Dense(classes, activation=last)(x) for _ in HEADS])


def tensor(document: Any, operator: int, position: int) -> Any:
    """An input of an operator, as the schema's object."""
    graph = document.subgraphs[0]
    return graph.tensors[graph.operators[operator].inputs[position]]


def test_an_int8_file_of_fer_train_passes(int8_file: bytes) -> None:
    graph = verify(int8_file)

    assert graph.size_bytes == len(int8_file)


def test_a_float_file_is_refused_with_operator_and_tensor(float_file: bytes) -> None:
    with pytest.raises(
        ModelError, match=r"operator 0 CONV_2D, tensor 'serving_default_pixels:0': is FLOAT32.*fer-quantize convert"
    ):
        verify(float_file)


def test_a_dynamic_range_file_with_int8_weights_alone_is_refused() -> None:
    keras.utils.set_random_seed(1)
    wide = keras.Sequential([keras.Input((48, 48, 1)), layers.Flatten(), layers.Dense(7)])
    converter = tf.lite.TFLiteConverter.from_keras_model(wide)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]

    with pytest.raises(ModelError, match=r"operator 0 SHAPE.* this operator is not allowed"):
        verify(converter.convert())


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (small("softsign"), r"operator \d (ABS|DIV).* not allowed; .*\(ReLU or ReLU6 as activation\)"),
        (small(last="softmax"), r"operator \d SOFTMAX.* not allowed; let the model end with logits"),
        (small(size_px=64), r"input .* has the shape \(1, 64, 64, 1\), expected \(1, 48, 48, 1\)"),
        (small(classes=8), r"output .* has the shape \(1, 8\), expected \(1, 7\), logits of angry, disgust"),
    ],
    ids=["softsign", "softmax", "64x64", "8 classes"],
)
def test_a_network_that_devices_cannot_run_is_refused_with_what_to_do(network: Any, message: str) -> None:
    size_px = network.input_shape[1]
    images = np.random.RandomState(0).randint(0, 256, (8, size_px, size_px)).astype(np.uint8)

    with pytest.raises(ModelError, match=message):
        verify(convert_int8(network, images))


def test_calibration_without_black_and_white_is_refused(network: Any, pixels: Pixels) -> None:
    with pytest.raises(ModelError, match="calibrate with images from black 0 to white 255"):
        verify(convert_int8(network, pixels // 2))


def raise_version(document: Any) -> None:
    document.operatorCodes[0].version = 9


def add_subgraph(document: Any) -> None:
    document.subgraphs.append(document.subgraphs[0])


def zero_a_scale(document: Any) -> None:
    tensor(document, 1, 1).quantization.scale[2] = 0


def shift_the_weights(document: Any) -> None:
    tensor(document, 0, 1).quantization.zeroPoint[0] = 3


def stretch_a_bias(document: Any) -> None:
    tensor(document, 0, 2).quantization.scale[0] *= 1.1


def leave_the_range(document: Any) -> None:
    tensor(document, 1, 0).quantization.zeroPoint[0] = 200


def open_a_shape(document: Any) -> None:
    tensor(document, 0, 0).shapeSignature = [-1, 48, 48, 1]


def drop_quantisation(document: Any) -> None:
    tensor(document, 1, 0).quantization = None


def add_an_output(document: Any) -> None:
    document.subgraphs[0].outputs = [*document.subgraphs[0].outputs, 0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (raise_version, "has version 9, tflite-runtime 2.14 was tested up to 3"),
        (add_subgraph, "has 2 subgraphs, expected 1"),
        (zero_a_scale, "operator 1 CONV_2D, tensor .*: has the scale 0.0, expected a positive number"),
        (shift_the_weights, "zero point of weights is not 0"),
        (stretch_a_bias, "scale of the bias is not input scale x weight scale"),
        (leave_the_range, "has the zero point 200, expected -128..127"),
        (open_a_shape, "has an open shape; convert with a fixed batch of 1"),
        (drop_quantisation, "has 0 scales, expected 1, or 1 per channel of a constant"),
        (add_an_output, "has 1 inputs and 3 outputs, expected 1 and 2"),
    ],
)
def test_an_altered_file_is_refused(change: Callable[[Any], None], message: str, altered: Alter) -> None:
    with pytest.raises(ModelError, match=message):
        verify(altered(change))


def test_a_file_over_a_megabyte_is_refused(int8_file: bytes) -> None:
    with pytest.raises(ModelError, match="has 1000001 bytes, at most 1000000 are allowed"):
        verify(int8_file.ljust(1_000_001, b"\0"))


def test_logits_of_the_float_network_beyond_the_int8_range_are_refused(int8_file: bytes) -> None:
    graph = verify(int8_file)
    first, second = graph.outputs
    fitting, highest = (
        np.full((5, 7), output.scales[0] * (127 - output.zero_points[0]), np.float32) for output in (first, second)
    )

    check_range(graph, fitting, highest)
    with pytest.raises(ModelError, match=r"output .* saturates: its range is .*, the calibration images need"):
        check_range(graph, fitting, highest + 2 * second.scales[0])
