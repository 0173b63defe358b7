"""A classifier that calls bright images happy and dark ones sad, as the tiny int8 releases do."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edge.labels import EMOTIONS, HEADS

HAPPY, SAD = EMOTIONS.index("happy"), EMOTIONS.index("sad")


def save_brightness_classifier(path: Path) -> None:
    """Write it as a Keras file."""
    import keras

    weights = np.zeros((1, 7), np.float32)
    weights[0, [HAPPY, SAD]] = 0.04, -0.04
    pixels = keras.Input((48, 48, 1))
    mean = keras.layers.GlobalAveragePooling2D()(pixels)
    model = keras.Model(pixels, [keras.layers.Dense(7)(mean) for _ in HEADS])
    model.set_weights([weights, -127.5 * weights[0]] * len(HEADS))
    model.save(path)
