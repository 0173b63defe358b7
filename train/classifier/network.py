"""Convolutional networks for 48x48 grey faces, built only from operators that int8 runtimes and the Edge TPU support.

These are convolution, depthwise convolution, ReLU, addition, mean and a dense layer for each head. The network scales
the raw grey levels itself, so that training and device cannot differ. It returns logits; the host computes the softmax.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

from edge.labels import EMOTIONS, HEADS, INPUT_SIZE_PX
from train.run.layers import convolution
from train.run.saved import OWN_HEAD, head_names


@dataclass(frozen=True, slots=True)
class Stage:
    """One resolution: a 3x3 convolution with stride 2 to ``channels``, then ``blocks`` residual blocks.

    ``separable`` blocks need about an eighth of the multiply-adds of dense ones.
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


def for_labels(network: keras.Model, labels: tuple[str, ...]) -> keras.Model:
    """``network`` with ``heads``, for other labels: the same with one output, ``OWN_HEAD``, instead."""
    if head_names(labels) == HEADS:
        return network
    features = network.get_layer(HEADS[0]).input
    return keras.Model(network.inputs, layers.Dense(len(labels), dtype="float32", name=OWN_HEAD)(features))
