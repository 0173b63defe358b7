"""What a face detector and a camera do to a face, drawn anew for every training picture.

One Keras layer of backend-neutral operations, so that it runs on the device that trains.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from train.classifier.recipes import Augmentation


@keras.saving.register_keras_serializable("fer-edge")
class Augment(keras.layers.Layer):  # type: ignore[misc]
    """Grey pictures (batch, side, side, 1) 0..255 -> two of each as float32: moved and lit, and that with less detail.

    Outside training both are the pictures as they are.
    """

    def __init__(self, options: Augmentation, seed: int) -> None:
        super().__init__(dtype="float32")
        self.options = options
        self.seeds = keras.random.SeedGenerator(seed)

    def call(self, pixels: Any, training: bool = False) -> tuple[Any, Any]:
        """Disturb every picture of the batch by its own draw."""
        pixels = ops.cast(pixels, "float32")
        if not training:
            return pixels, pixels
        near = ops.clip(self._light(self._warp(pixels)), 0.0, 255.0)
        return near, ops.clip(self._erase(self._noise(self._blur(near))), 0.0, 255.0)

    def _draw(self, count: int, low: float = -1.0, high: float = 1.0) -> Any:
        return keras.random.uniform((count,), low, high, seed=self.seeds)

    def _some(self, count: int, share: float) -> Any:
        return ops.reshape(ops.cast(self._draw(count, 0.0) < share, "float32"), (-1, 1, 1, 1))

    def _warp(self, pixels: Any) -> Any:
        count, side = ops.shape(pixels)[0], pixels.shape[1]
        angle = self._draw(count) * (self.options.rotation_deg * 3.14159265 / 180)
        scale = ops.exp(self._draw(count) * self.options.scale)
        mirror = ops.sign(self._draw(count))
        shift_x, shift_y = (self._draw(count) * (self.options.shift * side) for _ in "xy")
        cosine, sine = ops.cos(angle) * scale, ops.sin(angle) * scale
        centre = (side - 1) / 2
        a, b, c, d = cosine * mirror, -sine, sine * mirror, cosine
        left = centre - a * centre - b * centre + shift_x
        top = centre - c * centre - d * centre + shift_y
        zero = ops.zeros_like(a)
        transform = ops.stack([a, b, left, c, d, top, zero, zero], axis=1)
        return ops.image.affine_transform(pixels, transform, interpolation="bilinear", fill_mode="nearest")

    def _blur(self, pixels: Any) -> Any:
        if not self.options.blur:
            return pixels
        count, (smallest, largest) = ops.shape(pixels)[0], self.options.far_px
        sizes = ops.floor(ops.exp(self._draw(count, math.log(smallest), math.log(largest + 1))))
        chosen = ops.clip(ops.cast(sizes, "int32") - smallest, 0, largest - smallest)
        there_and_back = ops.take(self._there_and_back(pixels.shape[1]), chosen, axis=0)
        coarse = ops.matmul(ops.matmul(there_and_back, pixels[..., 0]), ops.transpose(there_and_back, (0, 2, 1)))
        return pixels + self._some(count, self.options.blur) * (coarse[..., None] - pixels)

    def _there_and_back(self, side: int) -> Any:
        smallest, largest = self.options.far_px
        return ops.convert_to_tensor(np.stack([there_and_back(side, far) for far in range(smallest, largest + 1)]))

    def _light(self, pixels: Any) -> Any:
        count = ops.shape(pixels)[0]
        contrast = ops.reshape(ops.exp(self._draw(count) * self.options.contrast), (-1, 1, 1, 1))
        brightness = ops.reshape(self._draw(count) * (self.options.brightness * 255), (-1, 1, 1, 1))
        mean = ops.mean(pixels, axis=(1, 2, 3), keepdims=True)
        return (pixels - mean) * contrast + mean + brightness

    def _noise(self, pixels: Any) -> Any:
        if not self.options.noise:
            return pixels
        deviation = ops.reshape(self._draw(ops.shape(pixels)[0], 0.0) * self.options.noise, (-1, 1, 1, 1))
        return pixels + deviation * keras.random.normal(ops.shape(pixels), seed=self.seeds)

    def _erase(self, pixels: Any) -> Any:
        if not self.options.erase:
            return pixels
        count, side = ops.shape(pixels)[0], pixels.shape[1]
        place = ops.cast(ops.arange(side), "float32")

        def inside() -> Any:
            half = ops.reshape(self._draw(count, 0.06, 0.2) * side, (-1, 1))
            centre = ops.reshape(self._draw(count, 0.0) * side, (-1, 1))
            return ops.cast(ops.abs(place[None] - centre) < half, "float32")

        rows, columns = inside(), inside()
        some = self._some(count, self.options.erase) * rows[:, :, None, None] * columns[:, None, :, None]
        cover = ops.reshape(self._draw(count, 0.0) * 255, (-1, 1, 1, 1))
        return pixels + some * (cover - pixels)


def there_and_back(side: int, far: int) -> npt.NDArray[np.float32]:
    """What reducing a row of ``side`` pixels to ``far`` and enlarging it again does to it: float32 (side, side).

    Reduced by area and enlarged bilinearly, as ``edge.vision.crop`` and a camera do.
    """
    edges = np.arange(far + 1) * (side / far)
    starts, ends = np.maximum(edges[:-1, None], np.arange(side)), np.minimum(edges[1:, None], np.arange(1, side + 1))
    reduce = np.maximum(ends - starts, 0) * (far / side)
    place = np.clip((np.arange(side) + 0.5) * (far / side) - 0.5, 0, far - 1)
    enlarge = np.maximum(1 - np.abs(place[:, None] - np.arange(far)), 0)
    matrix: npt.NDArray[np.float32] = (enlarge @ reduce).astype(np.float32)
    return matrix
