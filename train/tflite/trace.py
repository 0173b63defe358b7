"""Writes what a network computes as a float .tflite file."""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from collections.abc import Callable
from typing import Any

from edge.errors import ModelError

LAYERS = "train/classifier/network.py (ReLU or ReLU6 as activation)"
"""Layers that convert and run on a device, for error messages."""


def trace(call: Callable[[Any], Any], shape: tuple[int, ...]) -> bytes:
    """What ``call`` does with an image of ``shape`` (1, ...) as a float .tflite file.

    Raises:
        ModelError: TFLite has no operator for a part of it.
    """
    import tensorflow as tf

    function = tf.function(call).get_concrete_function(tf.TensorSpec(shape, tf.float32, "pixels"))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function])  # which freezes the weights of any owner
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            return bytes(converter.convert())
        except (RuntimeError, ValueError, tf.errors.OpError) as error:
            missing = re.findall(r"'tf\.(\w+)' op is neither", str(error))
            reason = f"uses {', '.join(dict.fromkeys(missing))}" if missing else str(error).strip().partition("\n")[0]
            raise ModelError(f"{reason}, for which TFLite has no operator; train it with {LAYERS}") from error
