"""Convolutional networks for 48x48 grey faces, built only from operators that int8 runtimes and the Edge TPU support.

These are convolution, depthwise convolution, pooling, ReLU, addition, concatenation, mean and a dense layer for each
head. Every network maps (batch, 48, 48, 1) grey 0..255 to logits, see ``heads``. It scales the grey levels itself, so
that training and device cannot differ; the host computes the softmax.

``build`` makes the networks that ship. ``plain``, ``wide`` and ``dense`` make larger ones of other shapes, to learn
from: unlike teachers make unlike mistakes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

from edge.labels import EMOTIONS, HEADS, INPUT_SIZE_PX
from train.run.layers import convolution, normalised
from train.run.saved import OWN_HEAD, head_names


@dataclass(frozen=True, slots=True)
class Stage:
    """One resolution: ``blocks`` residual blocks of ``channels``; ``build`` halves the image before each stage.

    ``separable`` blocks need about an eighth of the multiply-adds of dense ones.
    """

    channels: int
    blocks: int
    separable: bool = False


def build(stem: int, stages: tuple[Stage, ...], dropout: float) -> keras.Model:
    """A residual network: ``stem`` channels at full resolution, then the stages."""
    pixels, x = _grey()
    x = convolution(x, stem)
    for stage in stages:
        x = convolution(x, stage.channels, stride=2)
        for _ in range(stage.blocks):
            x = _residual(x, stage.channels, separable=stage.separable)
    return _classifier(pixels, x, dropout)


def plain(stages: tuple[tuple[int, ...], ...], dropout: float) -> keras.Model:
    """3x3 convolutions with the channels of each stage, and max pooling between the stages (VGG)."""
    pixels, x = _grey()
    for number, widths in enumerate(stages):
        x = layers.MaxPooling2D()(x) if number else x
        for channels in widths:
            x = convolution(x, channels)
    return _classifier(pixels, x, dropout)


def wide(stem: int, stages: tuple[Stage, ...], dropout: float) -> keras.Model:
    """Residual blocks with max pooling between the stages; the first stage has full resolution (ResNet)."""
    pixels, x = _grey()
    x = convolution(x, stem)
    for number, stage in enumerate(stages):
        x = layers.MaxPooling2D()(x) if number else x
        for _ in range(stage.blocks):
            x = _residual(x, stage.channels, separable=stage.separable)
    return _classifier(pixels, x, dropout)


def dense(stem: int, growth: int, blocks: tuple[int, ...], dropout: float) -> keras.Model:
    """Blocks whose every layer adds ``growth`` channels to all before it, from half the resolution on (DenseNet)."""
    pixels, x = _grey()
    x = layers.MaxPooling2D()(convolution(x, stem))
    for number, count in enumerate(blocks):
        if number:
            x = layers.Conv2D(x.shape[-1] // 2, 1, use_bias=False)(normalised(x))
            x = layers.AveragePooling2D(2)(x)
        for _ in range(count):
            inner = convolution(normalised(x), 4 * growth, side=1)
            inner = layers.Conv2D(growth, 3, padding="same", use_bias=False)(inner)
            x = layers.Concatenate()([x, inner])
    return _classifier(pixels, normalised(x), dropout)


def _grey() -> tuple[Any, Any]:
    """The input, grey 0..255, and the same scaled to 0..1."""
    pixels = keras.Input((INPUT_SIZE_PX, INPUT_SIZE_PX, 1), name="pixels")
    return pixels, layers.Rescaling(1 / 255)(pixels)


def _residual(x: Any, channels: int, *, separable: bool) -> Any:
    """Two 3x3 convolutions beside ``x``, or beside a 1x1 convolution of it where the number of channels changes."""
    inner = convolution(x, channels, separable=separable)
    inner = convolution(inner, channels, separable=separable, activation=False)
    beside = x if x.shape[-1] == channels else convolution(x, channels, side=1, activation=False)
    return layers.ReLU()(layers.Add()([beside, inner]))


def _classifier(pixels: Any, x: Any, dropout: float) -> keras.Model:
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(pixels, heads(layers.Dropout(dropout)(x)))


def heads(x: Any) -> list[Any]:
    """Logits (batch, 7) in ``EMOTIONS`` order for each of ``HEADS``, from features (batch, channels)."""
    return [layers.Dense(len(EMOTIONS), dtype="float32", name=head)(x) for head in HEADS]


def for_labels(network: keras.Model, labels: tuple[str, ...]) -> keras.Model:
    """``network`` with ``heads``, for other labels: the same with one output, ``OWN_HEAD``, instead."""
    if head_names(labels) == HEADS:
        return network
    features = network.get_layer(HEADS[0]).input
    return keras.Model(network.inputs, layers.Dense(len(labels), dtype="float32", name=OWN_HEAD)(features))
