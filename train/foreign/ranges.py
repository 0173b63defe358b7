"""The ranges in which networks take images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from train.tflite.run import run_float, with_channels

_IMAGENET_MEAN, _IMAGENET_DEVIATION = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)

MEANS_AND_DEVIATIONS: Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "-1..1": ((127.5,), (127.5,)),
    "0..1": ((0,), (255,)),
    "0..255": ((0,), (1,)),
    "-0.5..0.5": ((127.5,), (255,)),
    "imagenet": (_IMAGENET_MEAN, _IMAGENET_DEVIATION),
    "imagenet-bgr": (_IMAGENET_MEAN[::-1], _IMAGENET_DEVIATION[::-1]),
    "caffe": ((103.939, 116.779, 123.68), (1,)),
    "caffe-rgb": ((123.68, 116.779, 103.939), (1,)),
    "vggface": ((93.594, 104.7624, 129.1863), (1,)),
    "vggface2": ((91.4953, 103.8827, 131.0912), (1,)),
}
"""What networks take: (grey - mean) / deviation, by channel where the channels differ. The means of ImageNet are those
of torchvision and of Keras' caffe mode, those of VGGFace those of keras_vggface. The device sees grey, so that BGR and
RGB are the same to a network whose range is the same for all channels."""

STANDARDISED = "standardised"
"""The mean 0 and the deviation 1, over all images of the data set."""

INPUT_RANGES = (*MEANS_AND_DEVIATIONS, STANDARDISED)


@dataclass(frozen=True, slots=True)
class InputRange:
    """A range by its name, and the scale and offset of each channel that take grey levels there."""

    name: str
    scale: tuple[float, ...]
    offset: tuple[float, ...]


def make_range(name: str, channels: int, pixels: npt.NDArray[np.uint8]) -> InputRange | None:
    """One of ``INPUT_RANGES`` for images of so many channels; None if it is one for colours and these are grey.

    ``pixels`` are those of the data set, for its mean and deviation.
    """
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    if name == STANDARDISED:
        mean, deviation = (float(pixels.mean()),), (max(float(pixels.std()), 1.0),)
    else:
        mean, deviation = MEANS_AND_DEVIATIONS[name]
    if max(len(mean), len(deviation)) > channels:
        return None
    means, deviations = (np.broadcast_to(np.array(each), channels) for each in (mean, deviation))
    return InputRange(name, tuple((1 / deviations).tolist()), tuple((-means / deviations).tolist()))


def run_with(network: bytes, pixels: npt.NDArray[np.uint8], chosen: InputRange) -> npt.NDArray[np.float32]:
    """The logits (n, labels) of a float ``network`` for grey images in a range."""
    images = with_channels(pixels, len(chosen.scale)).astype(np.float32)
    scale, offset = (np.array(each, np.float32) for each in (chosen.scale, chosen.offset))
    return run_float(network, images * scale + offset)


def likelihood(logits: npt.NDArray[np.float32], labels: npt.NDArray[np.integer[Any]]) -> float:
    """The mean logarithm of the probability of the right label: it decides between ranges of equal accuracy."""
    return float((logits[np.arange(len(labels)), labels] - np.logaddexp.reduce(logits, axis=1)).mean())
