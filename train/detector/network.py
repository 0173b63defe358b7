"""The detector's network: plain convolutions from raw grey to one score and one box per cell of four maps.

Only what int8 runtimes and the Edge TPU map: convolution, ReLU, addition, nearest upsampling. A cell's answer is read
by ``edge.vision.detector.decode``; sigmoid and non-maximum suppression are the host's.
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import layers

from train.detector.recipe import INPUT_SIZE_PX, SLIM, STRIDES, Shape
from train.run.layers import convolution

RARE = 0.01
"""Score of an untrained cell: nearly all cells see no face (Lin et al. 2017, https://arxiv.org/abs/1708.02002)."""


def build(size_px: tuple[int, int] = INPUT_SIZE_PX, shape: Shape = SLIM) -> keras.Model:
    """An untrained detector; the one of the default shape has 0.25 million parameters.

    Where int8 has no dot product, what counts is how full the kernels are: depthwise convolutions saved a third of the
    time of dense ones for a fifth of their multiply-adds, and take three times as long to train. A first convolution
    of 4x4 pixels with a stride of 4 takes a third less than one of 5x5.

    Grey is scaled and not centred: with an offset, padding would keep int8 from folding both into the first
    convolution, and what they rounded there cost 0.4 points of recall at 20 px.

    Args:
        size_px: height and width, multiples of the largest stride. The weights fit any size.
        shape: how wide and deep it is.

    Returns:
        A model from (batch, height, width, 1) grey 0..255 to the logits of the maps, (batch, rows, columns, 1) each,
        followed by the logs of distances, (batch, rows, columns, 4) each; fine to coarse.
    """
    pixels = keras.Input((*size_px, 1), name="pixels")
    x = layers.Rescaling(1 / 127.5)(pixels)
    x = convolution(x, shape.stem, stride=4, side=4)
    stages = []
    for width, count in zip(shape.channels, shape.blocks, strict=True):
        x = convolution(x, width, stride=2)
        for _ in range(count):
            inner = convolution(convolution(x, width), width, activation=False)
            x = layers.ReLU()(layers.Add()([x, inner]))
        stages.append(x)
    paths = [convolution(stage, shape.top, side=1) for stage in stages]
    for fine in reversed(range(len(paths) - 1)):
        paths[fine] = layers.Add()([paths[fine], layers.UpSampling2D(2, interpolation="nearest")(paths[fine + 1])])
    heads = [convolution(path, shape.top) for path in paths]
    prior = keras.initializers.Constant(math.log(RARE / (1 - RARE)))
    logits = [_answer(head, 1, f"logit{stride}", prior) for head, stride in zip(heads, STRIDES, strict=True)]
    logs = [_answer(head, 4, f"box{stride}", "zeros") for head, stride in zip(heads, STRIDES, strict=True)]
    return keras.Model(pixels, [*logits, *logs], name="detector")


def _answer(head: Any, channels: int, name: str, bias: Any) -> Any:
    return layers.Conv2D(channels, 1, bias_initializer=bias, dtype="float32", name=name)(head)
