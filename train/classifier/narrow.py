"""Starts a narrow network from the most important channels of a wide one with the same layers.

That saves the epochs in which a network from random weights learns its first filters. A channel counts for as much as
batch normalisation lets through of it, times the weights that the next layers multiply it by; channels that an addition
joins are kept or dropped together ("Pruning Filters for Efficient ConvNets", Li et al., ICLR 2017, with the scale of
"Learning Efficient Convolutional Networks through Network Slimming", Liu et al., ICCV 2017).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from edge.errors import ModelError
from edge.labels import HEADS

_Channels = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class _Layer:
    """A convolution and the normalisation behind it."""

    convolution: Any
    normalisation: Any

    @property
    def channels(self) -> int:
        """How many it makes."""
        return int(self.convolution.kernel.shape[-1])


def narrow(wide: keras.Model, network: keras.Model) -> None:
    """Set the weights of ``network`` to those of the most important channels of ``wide``.

    Args:
        wide: a network of ``train.classifier.network.build`` with dense convolutions.
        network: another with as many stages and blocks, nowhere wider.

    Raises:
        ModelError: the two differ in more than their width.
    """
    source, target = _stages(wide), _stages(network)
    if [len(stage) for stage in source] != [len(stage) for stage in target] or any(
        few.channels > many.channels
        for stages in zip(target, source, strict=True)
        for few, many in zip(*stages, strict=True)
    ):
        raise ModelError("the start is not the recipe's network or a wider one with the same layers")
    heads = [wide.get_layer(head).kernel for head in HEADS]
    before: _Channels = np.array([0])
    for index, (stage, smaller) in enumerate(zip(source, target, strict=True)):
        after = [source[index + 1][0].convolution.kernel] if index + 1 < len(source) else heads
        stream = [stage[0], *stage[2::2]]
        users = [layer.convolution.kernel for layer in stage[1::2]]
        kept = _most_important(stream, [*users, *after], smaller[0].channels)
        _copy(stage[0], smaller[0], kept, before)
        for inner, outer, small_inner, small_outer in zip(
            stage[1::2], stage[2::2], smaller[1::2], smaller[2::2], strict=True
        ):
            inside = _most_important([inner], [outer.convolution.kernel], small_inner.channels)
            _copy(inner, small_inner, inside, kept)
            _copy(outer, small_outer, kept, inside)
        before = kept
    for head in HEADS:
        kernel, bias = wide.get_layer(head).get_weights()
        network.get_layer(head).set_weights([kernel[before], bias])


def _stages(model: keras.Model) -> list[list[_Layer]]:
    """The stem alone, then each stage: the convolution that halves the resolution and two for every block."""
    from keras import layers

    convolutions = [layer for layer in model.layers if isinstance(layer, layers.Conv2D)]
    normalisations = [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)]
    if not convolutions or len(convolutions) != len(normalisations):
        raise ModelError("the start has no dense convolutions with batch normalisation to take channels from")
    stages: list[list[_Layer]] = []
    for convolution, normalisation in zip(convolutions, normalisations, strict=True):
        if not stages or convolution.strides != (1, 1):
            stages.append([])
        stages[-1].append(_Layer(convolution, normalisation))
    return stages


def _most_important(made: list[_Layer], users: list[Any], count: int) -> _Channels:
    """The ``count`` channels that matter most, in their order; every layer of ``made`` makes all of them."""
    scale = sum(np.square(layer.normalisation.gamma) + np.square(layer.normalisation.beta) for layer in made)
    used = sum(np.square(kernel).sum(axis=(*range(kernel.ndim - 2), -1)) for kernel in map(np.asarray, users))
    return np.sort(np.argsort(np.asarray(scale * used), kind="stable")[::-1][:count])


def _copy(layer: _Layer, smaller: _Layer, makes: _Channels, takes: _Channels) -> None:
    (kernel,) = layer.convolution.get_weights()
    smaller.convolution.set_weights([kernel[:, :, takes][..., makes]])
    smaller.normalisation.set_weights([weight[makes] for weight in layer.normalisation.get_weights()])
