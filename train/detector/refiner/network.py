"""The refiner's network: plain convolutions from a normalised crop to one logit and the sides of one box."""

from __future__ import annotations

import keras
from keras import layers

from train.detector.refiner.recipe import CROP_PX, SLIM, Shape
from train.run.layers import convolution

UNMOVED = (0.22, 0.167, 0.78, 0.833)
"""Left, top, right and bottom of an untrained answer, in sides of the crop: a usual candidate's box, as the crop is 1.5
times as high."""


def build(shape: Shape = SLIM, size_px: int = CROP_PX) -> keras.Model:
    """An untrained refiner; the one of the default shape has 0.12 million parameters and 5.4 million multiply-adds.

    Args:
        shape: how wide and deep it is.
        size_px: side of the crops.

    Returns:
        A model from (batch, size_px, size_px, 1) grey 0..255 to a logit, (batch, 1), which is added to the detector's,
        and left, top, right and bottom of the face in sides of the crop, (batch, 4).
    """
    pixels = keras.Input((size_px, size_px, 1), name="pixels")
    x = layers.Rescaling(1 / 127.5)(pixels)
    x = convolution(x, shape.stem, stride=2)
    for width, count in zip(shape.channels, shape.blocks, strict=True):
        x = convolution(x, width, stride=2)
        for _ in range(count):
            inner = convolution(convolution(x, width), width, activation=False)
            x = layers.ReLU()(layers.Add()([x, inner]))
    x = layers.Flatten()(x)
    logit = layers.Dense(1, kernel_initializer=_near_zero(0.01), dtype="float32", name="logit")(x)
    unmoved = keras.initializers.Constant(list(UNMOVED))
    sides = layers.Dense(
        4, kernel_initializer=_near_zero(0.002), bias_initializer=unmoved, dtype="float32", name="sides"
    )
    return keras.Model(pixels, [logit, sides(x)], name="refiner")


def _near_zero(deviation: float) -> keras.initializers.Initializer:
    return keras.initializers.RandomNormal(stddev=deviation)
