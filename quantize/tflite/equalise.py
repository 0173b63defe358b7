"""Makes the channels of a network alike in range, for networks that a single int8 scale per tensor would ruin.

Cross-layer equalisation, Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction",
https://arxiv.org/abs/1906.04721, section 4.1: a channel divided by s where it is made and multiplied by s where it is
used leaves every answer as it was, through ReLU and pooling too. Our weights have a scale per channel already and the
activations have not; so the range of an activation, seen on pictures, stands for that of the weights which make it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from quantize.classifier.agreement import as_input

_Weight: TypeAlias = tuple[Any, int]
"""A variable of Keras, and the axis that counts the channels."""


@dataclass(frozen=True, slots=True)
class _Seam:
    """Where channels pass from the weights that make them to the only ones that use them.

    ``values`` is the symbolic tensor between the two. ``apart`` says that each channel is used by weights with a scale
    of their own, as a depthwise convolution's are.
    """

    made: tuple[_Weight, ...]
    used: _Weight
    values: Any
    apart: bool


def equalise(model: Any, pixels: npt.NDArray[np.uint8]) -> Any:
    """A copy of a Keras ``model`` that answers the same with even channels.

    Channels that meet others in an addition stay as they are.

    Args:
        model: a functional or sequential network.
        pixels: pictures that show the ranges, see ``as_input``.
    """
    import keras

    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    seams = _seams(copy)
    if not seams:
        return copy
    pictures = as_input(pixels, copy.input_shape[-1]).astype(np.float32)
    seen = keras.Model(copy.inputs, [seam.values for seam in seams]).predict(pictures, batch_size=64, verbose=0)
    for seam, values in zip(seams, seen if len(seams) > 1 else [seen], strict=True):
        scales = _scales(_largest(values, values.ndim - 1), _largest(*seam.used), apart=seam.apart)
        for weight in seam.made:
            _multiply(*weight, 1 / scales)
        _multiply(*seam.used, scales)
    return copy


def _scales(values: npt.NDArray[Any], weights: npt.NDArray[Any], *, apart: bool) -> npt.NDArray[np.float64]:
    """What to divide each channel by: then values and weights are equally large, or the values alone are even."""
    alive = (values > 0) & (weights > 0)
    logs = np.log(values, where=alive, out=np.zeros(len(values)))
    if not apart:
        logs = (logs - np.log(weights, where=alive, out=np.zeros(len(weights)))) / 2
    return np.exp(np.where(alive, logs - logs[alive].mean(), 0)) if alive.any() else np.ones(len(values))


def _largest(values: Any, axis: int) -> npt.NDArray[np.float64]:
    by_channel = np.moveaxis(np.abs(np.asarray(values, np.float64)), axis, 0)
    largest: npt.NDArray[np.float64] = by_channel.reshape(len(by_channel), -1).max(axis=1)
    return largest


def _multiply(variable: Any, axis: int, factors: npt.NDArray[np.float64]) -> None:
    shape = [1] * len(variable.shape)
    shape[axis] = -1
    variable.assign(np.asarray(variable) * factors.reshape(shape))


def _seams(model: Any) -> list[_Seam]:
    import keras

    between = list(_between(model))  # all found before a look into a layer adds to the graph
    inside = [layer for layer in model.layers if isinstance(layer, keras.layers.SeparableConv2D)]
    return between + [_inside(layer) for layer in inside if layer.depth_multiplier == 1]


def _between(model: Any) -> Iterator[_Seam]:
    import keras

    for layer in model.layers:
        made, user = _made(layer), _only_user(layer)
        while made and user is not None and _passes(user):
            user = _only_user(user)
        if made and user is not None and (used := _used(user)) is not None:
            apart = isinstance(user, keras.layers.DepthwiseConv2D | keras.layers.SeparableConv2D)
            yield _Seam(made, used, user.input, apart)


def _inside(layer: Any) -> _Seam:
    import keras

    values = keras.ops.depthwise_conv(
        layer.input, layer.depthwise_kernel, layer.strides, layer.padding, dilation_rate=layer.dilation_rate
    )
    return _Seam(((layer.depthwise_kernel, 2),), (layer.pointwise_kernel, 2), values, apart=False)


def _only_user(layer: Any) -> Any:
    nodes = layer._outbound_nodes
    return nodes[0].operation if len(nodes) == 1 and len(nodes[0].operation._inbound_nodes) == 1 else None


def _made(layer: Any) -> tuple[_Weight, ...]:
    """The weights to which the channels that ``layer`` gives are proportional; none if they are not."""
    from keras import activations, layers

    if getattr(layer, "activation", None) not in (None, activations.linear, activations.relu):
        return ()
    if isinstance(layer, layers.BatchNormalization):
        return ((layer.gamma, 0), (layer.beta, 0)) if layer.scale and layer.center else ()
    bias = ((layer.bias, 0),) if getattr(layer, "use_bias", False) else ()
    if isinstance(layer, layers.SeparableConv2D):
        return ((layer.pointwise_kernel, 3), *bias)
    if isinstance(layer, layers.DepthwiseConv2D) and layer.depth_multiplier == 1:
        return ((layer.kernel, 2), *bias)
    return ((layer.kernel, 3), *bias) if isinstance(layer, layers.Conv2D) else ()


def _used(layer: Any) -> _Weight | None:
    """The weights that multiply the channels that ``layer`` takes."""
    from keras import layers

    if isinstance(layer, layers.SeparableConv2D):
        return layer.depthwise_kernel, 2
    if isinstance(layer, layers.DepthwiseConv2D) or (isinstance(layer, layers.Conv2D) and layer.groups == 1):
        return layer.kernel, 2
    return (layer.kernel, 0) if isinstance(layer, layers.Dense) and len(layer.input.shape) == 2 else None


def _passes(layer: Any) -> bool:
    """Whether ``layer`` keeps channels apart, and a channel twice as large comes out twice as large."""
    from keras import activations, layers

    if isinstance(layer, layers.ReLU):
        return layer.max_value is None and not layer.negative_slope and not layer.threshold
    if isinstance(layer, layers.Activation):
        return layer.activation in (activations.linear, activations.relu)
    pools = layers.MaxPooling2D | layers.AveragePooling2D | layers.GlobalMaxPooling2D | layers.GlobalAveragePooling2D
    return isinstance(layer, pools | layers.Dropout | layers.ZeroPadding2D)
