from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from edge.records import Pixels
from quantize.classifier.agreement import answer
from quantize.tflite.convert import convert_int8, float_logits
from quantize.tflite.equalise import equalise
from train.classifier.network import Stage, build


def crooked_separable() -> Any:
    """A residual network whose separable convolutions have channels of very different range."""
    keras.utils.set_random_seed(3)
    model = build(8, (Stage(16, 1), Stage(16, 2, separable=True)), 0.1)
    for layer in model.layers:
        if isinstance(layer, layers.SeparableConv2D):
            ranges = np.geomspace(0.01, 10, layer.depthwise_kernel.shape[2]).reshape(1, 1, -1, 1)
            layer.depthwise_kernel.assign(np.asarray(layer.depthwise_kernel) * ranges)
            layer.pointwise_kernel.assign(np.asarray(layer.pointwise_kernel) / ranges)
    return model


def chain(*middle: Any) -> Any:
    """A convolution, something in the middle, a convolution, and logits."""
    keras.utils.set_random_seed(4)
    ends = [layers.Conv2D(6, 3), layers.BatchNormalization()], [layers.Conv2D(5, 3, groups=1), layers.Flatten()]
    model = keras.Sequential([keras.Input((12, 12, 3)), *ends[0], *middle, *ends[1], layers.Dense(7)])
    random = np.random.RandomState(6)
    model.set_weights([random.uniform(-1 if w.ndim > 1 else 0.01, 2, w.shape) for w in model.get_weights()])
    return model


def test_the_float_answers_stay_while_int8_comes_closer_to_them(pixels: Pixels) -> None:
    model = crooked_separable()

    even = equalise(model, pixels)

    logits = float_logits(model, pixels)
    quantised = [answer(convert_int8(each, pixels), pixels).logits.reshape(logits.shape) for each in (model, even)]
    before, after = (np.abs(each - logits).max() for each in quantised)
    assert np.allclose(float_logits(even, pixels), logits, atol=1e-5)
    assert after < before / 2


@pytest.mark.parametrize(
    "middle",
    [
        (layers.ReLU(), layers.MaxPooling2D()),
        (layers.Activation("relu"), layers.DepthwiseConv2D(3, activation="relu")),
        (layers.ReLU(), layers.SeparableConv2D(4, 3, depth_multiplier=2)),
        (layers.ReLU(max_value=6),),
        (layers.LeakyReLU(),),
        (layers.Activation("tanh"),),
        (layers.Conv2D(6, 1, groups=3), layers.BatchNormalization(center=False)),
    ],
    ids=["pool", "depthwise", "multiplier", "relu6", "leaky", "tanh", "groups"],
)
def test_no_kind_of_layer_between_changes_the_float_answers(middle: tuple[Any, ...]) -> None:
    model = chain(*middle)
    pictures = np.random.RandomState(8).randint(0, 256, (6, 12, 12)).astype(np.uint8)

    even = equalise(model, pictures)

    taken = pictures[..., np.newaxis].repeat(3, axis=3).astype(np.float32)
    before, after = (each.predict(taken, verbose=0) for each in (model, even))
    assert np.allclose(before, after, rtol=1e-3, atol=1e-3 * np.abs(before).max())


def test_the_network_itself_is_left_alone(pixels: Pixels) -> None:
    model = crooked_separable()
    weights = model.get_weights()

    equalise(model, pixels)

    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), weights, strict=True))


def test_a_channel_that_is_always_off_is_left_as_it_is(pixels: Pixels) -> None:
    model = keras.Sequential(
        [keras.Input((48, 48, 1)), layers.Conv2D(2, 1, activation="relu"), layers.Conv2D(1, 1), layers.Flatten()]
    )
    model.layers[0].set_weights([np.array([[[[1.0, -1.0]]]]), np.zeros(2)])

    even = equalise(model, pixels)

    assert even.layers[0].get_weights()[0][0, 0, 0, 1] == -1
