"""Well-known networks to compare ours with.

All have the input and the outputs of ours, so that every command reads their files. The graph repeats the grey levels
to three channels, enlarges and scales them; global average pooling, dropout and a dense layer for each head follow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import keras
from keras import layers

from edge.errors import ConfigError, ModelError
from edge.labels import INPUT_SIZE_PX
from train.classifier import recipes
from train.classifier.network import heads
from train.run.layers import convolution

IMAGENET = "imagenet"

Body: TypeAlias = Callable[[tuple[int, int, int], str | None], keras.Model]


@dataclass(frozen=True, slots=True)
class Backbone:
    """A network without its head.

    ``body`` builds it for (height, width, channels), with weights that Keras loads. Its input has sides of ``side_px``,
    the least that its strides allow. ``scale`` and ``offset`` turn 0..255 into the range of its published weights;
    ``imagenet`` says whether Keras has such weights. ``learning_rate`` is for training from scratch.
    """

    body: Body
    side_px: int
    scale: float
    offset: tuple[float, float, float]
    imagenet: bool = True
    learning_rate: float = 0.05


def names() -> list[str]:
    """The networks that can be compared."""
    return ["cnn", *BODIES]


def learning_rate(name: str, *, pretrained: bool, frozen: bool) -> float:
    """The peak of the schedule; pretrained weights get a fifth of it, because a higher rate would destroy them."""
    rate = BODIES[name].learning_rate if name in BODIES else recipes.load("first").learning_rate
    return rate / 5 if pretrained and not frozen else rate


def build(name: str, weights: str | None, *, frozen: bool) -> keras.Model:
    """The network called ``name``, from (batch, 48, 48, 1) grey 0..255 to logits, see ``network.heads``.

    Args:
        name: one of ``names()``.
        weights: None to start from scratch, "imagenet" for Keras' download, or a file of the headless network that
            Keras reads (.h5, .weights.h5, .keras).
        frozen: train only the head and keep ``weights`` as they are.

    Raises:
        ConfigError: there is no such network, or it has no such weights.
        ModelError: the weights cannot be fetched or read.
    """
    if name not in names():
        raise ConfigError(f"backbone {name!r} does not exist; there are {', '.join(names())}")
    if name == "cnn":
        if weights:
            raise ConfigError(f"backbone cnn: has no published weights, so {weights!r} cannot be used; leave it out")
        return recipes.load("first").network()
    backbone = BODIES[name]
    if weights == IMAGENET and not backbone.imagenet:
        raise ConfigError(f"backbone {name}: Keras has no ImageNet weights for it; name a file: --weights {name}=FILE")
    body = _load(name, backbone, weights)
    body.trainable = not (weights and frozen)

    pixels = keras.Input((INPUT_SIZE_PX, INPUT_SIZE_PX, 1), name="pixels")
    x = layers.Resizing(backbone.side_px, backbone.side_px)(pixels)
    x = layers.Concatenate()([x, x, x])
    x = layers.Rescaling(backbone.scale, backbone.offset)(x)
    x = layers.GlobalAveragePooling2D()(body(x))
    x = layers.Dropout(0.3)(x)
    return keras.Model(pixels, heads(x))


def _load(name: str, backbone: Backbone, weights: str | None) -> keras.Model:
    if weights not in (None, IMAGENET) and not Path(str(weights)).is_file():
        raise ModelError(f"weights {weights}: do not exist; give a Keras file of {name} or the word {IMAGENET}")
    try:
        return backbone.body((backbone.side_px, backbone.side_px, 3), weights)
    except Exception as error:  # Keras' downloader raises Exception itself, its readers a dozen kinds
        reason = str(error).partition("\n")[0]
        if weights == IMAGENET:
            raise ModelError(
                f"backbone {name}: its ImageNet weights cannot be fetched ({reason}); "
                f"name their file: --weights {name}=FILE"
            ) from error
        raise ModelError(
            f"weights {weights}: do not fit {name} ({reason}); give a Keras file of it without its head"
        ) from error


def _vgg11(shape: tuple[int, int, int], weights: str | None) -> keras.Model:
    """Configuration A of Simonyan and Zisserman (2014), with batch normalisation to help it start."""
    x = pixels = keras.Input(shape)
    for channels, depth in ((64, 1), (128, 1), (256, 2), (512, 2), (512, 2)):
        for _ in range(depth):
            x = convolution(x, channels)
        x = layers.MaxPooling2D()(x)
    model = keras.Model(pixels, x, name="vgg11")
    if weights:
        model.load_weights(weights)
    return model


def _published(network: str) -> Body:
    """A network of ``keras.applications``; looked up when it is built, to keep importing fast."""

    def body(shape: tuple[int, int, int], weights: str | None) -> keras.Model:
        return getattr(keras.applications, network)(include_top=False, weights=weights, input_shape=shape)

    return body


# Means of blue, green and red over ImageNet, and over VGGFace's photographs (Parkhi et al., 2015).
_IMAGENET_MEAN = (-103.939, -116.779, -123.68)
_FACES_MEAN = (-93.594, -104.7624, -129.1863)

# vggface is VGG16 on larger images, as trained on faces; without the weights of Parkhi et al. it starts from nothing.
BODIES = {
    "mobilenetv2": Backbone(_published("MobileNetV2"), 96, 1 / 127.5, (-1.0, -1.0, -1.0)),
    "resnet50": Backbone(_published("ResNet50"), 96, 1.0, _IMAGENET_MEAN),
    "vgg11": Backbone(_vgg11, 48, 1 / 127.5, (-1.0, -1.0, -1.0), imagenet=False),
    "vgg16": Backbone(_published("VGG16"), 48, 1.0, _IMAGENET_MEAN, learning_rate=0.01),
    "vggface": Backbone(_published("VGG16"), 96, 1.0, _FACES_MEAN, imagenet=False, learning_rate=0.01),
}
