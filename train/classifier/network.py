"""Convolutional networks for 48x48 grey faces, built from what int8 runtimes and the Edge TPU know.

Convolution, depthwise convolution, ReLU, addition, mean and a dense layer for each head; normalisation is inside the
graph, so the network eats raw grey levels and training and device cannot disagree. Logits come out; softmax is the
host's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers

from edge.labels import EMOTIONS, HEADS, INPUT_SIZE_PX


@dataclass(frozen=True, slots=True)
class Stage:
    """One resolution: a 3x3 convolution with stride 2 to ``channels``, then ``blocks`` residual blocks.

    ``separable`` blocks spend about an eighth of a dense block's multiply-adds.
    """

    channels: int
    blocks: int
    separable: bool = False


def build(stem: int, stages: tuple[Stage, ...], dropout: float) -> keras.Model:
    """A residual network: ``stem`` channels at full resolution, then the stages.

    Returns:
        A model from (batch, 48, 48, 1) grey 0..255 to logits, see ``heads``.
    """
    pixels = keras.Input((INPUT_SIZE_PX, INPUT_SIZE_PX, 1), name="pixels")
    x = layers.Rescaling(1 / 255)(pixels)
    x = convolution(x, stem)
    for stage in stages:
        x = convolution(x, stage.channels, stride=2)
        for _ in range(stage.blocks):
            inner = convolution(x, stage.channels, separable=stage.separable)
            inner = convolution(inner, stage.channels, separable=stage.separable, activation=False)
            x = layers.ReLU()(layers.Add()([x, inner]))
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(dropout)(x)
    return keras.Model(pixels, heads(x))


def heads(x: Any) -> list[Any]:
    """Logits (batch, 7) in ``EMOTIONS`` order for each of ``HEADS``, from features (batch, channels)."""
    return [layers.Dense(len(EMOTIONS), dtype="float32", name=head)(x) for head in HEADS]


def convolution(
    x: Any, channels: int, *, stride: int = 1, separable: bool = False, activation: bool = True, side: int = 3
) -> Any:
    """A convolution, 3x3 unless said, with batch normalisation, then ReLU."""
    kind = layers.SeparableConv2D if separable else layers.Conv2D
    x = kind(channels, side, stride, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    return layers.ReLU()(x) if activation else x


def multiply_adds(model: keras.Model) -> int:
    """Multiply-adds of one forward pass through the convolutions and dense layers, those of nested models too."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            total += multiply_adds(layer)
        elif isinstance(layer, layers.Dense):
            total += layer.kernel.shape[0] * layer.kernel.shape[1]
        elif isinstance(layer, layers.SeparableConv2D | layers.Conv2D | layers.DepthwiseConv2D):
            places = int(np.prod(layer.output.shape[1:3]))
            total += places * sum(int(np.prod(w.shape)) for w in layer.weights if len(w.shape) == 4)
    return total
