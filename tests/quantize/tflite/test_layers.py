from __future__ import annotations

from typing import Any

import numpy as np

from edge.records import Pixels
from quantize.tflite.convert import convert_int8
from quantize.tflite.layers import LOW_SNR_DB, layer_errors


def test_every_operator_of_a_good_file_is_far_above_the_noise(
    float_file: bytes, int8_file: bytes, pixels: Pixels
) -> None:
    layers = layer_errors(float_file, int8_file, pixels[:8])

    assert [layer.operator for layer in layers] == list(range(len(layers)))
    assert layers[-1].name == "FULLY_CONNECTED"
    assert all(layer.snr_db > LOW_SNR_DB for layer in layers)


def test_a_file_calibrated_in_the_dark_shows_noise_on_bright_images(network: Any, float_file: bytes) -> None:
    dark = np.random.RandomState(4).randint(0, 40, (8, 48, 48)).astype(np.uint8)
    calibrated_in_the_dark = convert_int8(network, dark)

    in_the_dark = layer_errors(float_file, calibrated_in_the_dark, dark)
    in_the_light = layer_errors(float_file, calibrated_in_the_dark, 255 - dark)

    assert in_the_light[0].snr_db < LOW_SNR_DB < in_the_dark[0].snr_db
