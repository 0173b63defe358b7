"""What a face detector and a camera do to a face, drawn anew for every training picture.

One Keras layer of backend-neutral operations, so that it runs on the device that trains.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from train.classifier.recipes import Augmentation


@keras.saving.register_keras_serializable("fer-edge")
class Augment(keras.layers.Layer):  # type: ignore[misc]
    """(batch, side, side, 1) grey 0..255 -> the same shape as float32, disturbed while training only."""

    def __init__(self, options: Augmentation, seed: int) -> None:
        super().__init__(dtype="float32", trainable=False)
        self.options = options
        self.seeds = keras.random.SeedGenerator(seed)

    def call(self, pixels: Any, training: bool = False) -> Any:
        """Disturb every picture of the batch by its own draw."""
        pixels = ops.cast(pixels, "float32")
        if not training:
            return pixels
        pixels = self._warp(pixels)
        pixels = self._blur(pixels)
        pixels = self._light(pixels)
        pixels = self._erase(pixels)
        return ops.clip(pixels, 0.0, 255.0)

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
        side = pixels.shape[1]
        coarse = ops.image.resize(pixels, (side // 2, side // 2), interpolation="bilinear", antialias=False)
        coarse = ops.image.resize(coarse, (side, side), interpolation="bilinear")
        some = self._some(ops.shape(pixels)[0], self.options.blur)
        return pixels + some * (coarse - pixels)

    def _light(self, pixels: Any) -> Any:
        count = ops.shape(pixels)[0]
        contrast = ops.reshape(ops.exp(self._draw(count) * self.options.contrast), (-1, 1, 1, 1))
        brightness = ops.reshape(self._draw(count) * (self.options.brightness * 255), (-1, 1, 1, 1))
        mean = ops.mean(pixels, axis=(1, 2, 3), keepdims=True)
        pixels = (pixels - mean) * contrast + mean + brightness
        if not self.options.noise:
            return pixels
        deviation = ops.reshape(self._draw(count, 0.0) * self.options.noise, (-1, 1, 1, 1))
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
