"""Small networks, their files, and images for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from edge.labels import EMOTIONS, INPUT_SIZE_PX
from edge.records import Pixels
from quantize.tflite.convert import convert_float, convert_int8
from train.classifier.network import Stage, build, heads
from train.data.fer2013 import FaceSet

CODES = ((1, 1, 1, 1), (0, 0, 0, 0), (1, 0, 1, 0), (0, 1, 0, 1), (1, 1, 0, 0), (0, 0, 1, 1), (1, 0, 0, 1))
"""Which quarters of a image are bright, for each emotion."""


@pytest.fixture(scope="session")
def network() -> Any:
    """A network of the intended kind, with random weights: dense, separable and residual convolutions."""
    keras.utils.set_random_seed(7)
    return build(4, (Stage(8, 1), Stage(8, 1, separable=True)), 0.1)


@pytest.fixture(scope="session")
def pixels() -> Pixels:
    """Forty images from black to white, of coarse noise."""
    noise = np.random.RandomState(5).randint(0, 256, (40, 12, 12)).repeat(4, axis=1).repeat(4, axis=2)
    return noise.astype(np.uint8)


@pytest.fixture(scope="session")
def int8_file(network: Any, pixels: Pixels) -> bytes:
    """``network`` in int8."""
    return convert_int8(network, pixels)


@pytest.fixture(scope="session")
def float_file(network: Any) -> bytes:
    """``network`` in float32."""
    return convert_float(network)


@pytest.fixture(scope="session")
def quarters() -> Any:
    """A network that needs no training: the bright quarters of an image decide the emotion."""
    signs = 2.0 * np.array(CODES) - 1
    model = keras.Sequential(
        [
            keras.Input((INPUT_SIZE_PX, INPUT_SIZE_PX, 1)),
            layers.Conv2D(1, 1, use_bias=False, kernel_initializer=keras.initializers.Constant(1 / 255)),
            layers.AveragePooling2D(INPUT_SIZE_PX // 2),
            layers.Flatten(),
            layers.Dense(len(EMOTIONS)),
        ]
    )
    model.layers[-1].set_weights([4 * signs.T, -2 * signs.sum(axis=1)])
    return model


@pytest.fixture(scope="session")
def uneven_channels(quarters: Any) -> Any:
    """``quarters`` behind channels whose ranges differ by a factor of up to 3000: int8 ruins it."""
    ranges = np.geomspace(0.1, 300, 8)
    model = keras.Sequential(
        [
            keras.Input((INPUT_SIZE_PX, INPUT_SIZE_PX, 1)),
            layers.Conv2D(8, 1, kernel_initializer=keras.initializers.Constant(1 / 255)),
            layers.DepthwiseConv2D(1, activation="relu"),
            layers.AveragePooling2D(INPUT_SIZE_PX // 2),
            layers.Conv2D(1, 1),
            layers.Flatten(),
            layers.Dense(len(EMOTIONS)),
        ]
    )
    model.layers[1].set_weights([ranges.reshape(1, 1, 8, 1), np.zeros(8)])
    model.layers[3].set_weights([1 / ranges.reshape(1, 1, 8, 1) / 8, np.zeros(1)])
    model.layers[-1].set_weights(quarters.layers[-1].get_weights())
    return model


@pytest.fixture(scope="session")
def with_both_heads() -> Callable[[Any], Any]:
    """``with_both_heads(model)`` has the last, dense layer of ``model`` twice: the two heads of fer-train's models."""

    def double(model: Any) -> Any:
        whole = keras.Model(model.inputs, heads(model.layers[-2].output))
        whole.set_weights([*model.get_weights(), *model.layers[-1].get_weights()])
        return whole

    return double


@pytest.fixture(scope="session")
def faces() -> dict[str, FaceSet]:
    """Images that ``quarters`` classifies: ten of each emotion for training, eight held out."""
    return {"Training": _draw("Training", 10), "PublicTest": _draw("PublicTest", 8)}


def _draw(split: str, per_emotion: int) -> FaceSet:
    labels = np.arange(len(EMOTIONS)).repeat(per_emotion)
    bright = (
        np.array(CODES)[labels].reshape(-1, 2, 2).repeat(INPUT_SIZE_PX // 2, axis=1).repeat(INPUT_SIZE_PX // 2, axis=2)
    )
    noise = np.random.RandomState(per_emotion).randint(-60, 61, bright.shape)
    pixels = np.clip(30 + 195 * bright + noise, 0, 255).astype(np.uint8)
    return FaceSet(split, pixels, labels.astype(np.uint8), np.arange(2, 2 + len(labels), dtype=np.int32))


@pytest.fixture(scope="session")
def altered(int8_file: bytes) -> Callable[[Callable[[Any], None]], bytes]:
    """``altered(change)`` is ``int8_file`` after ``change`` to the objects of its schema."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    def alter(change: Callable[[Any], None]) -> bytes:
        document = schema.ModelT.InitFromObj(schema.Model.GetRootAs(bytearray(int8_file), 0))
        change(document)
        builder = flatbuffers.Builder(len(int8_file))
        builder.Finish(document.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    return alter
