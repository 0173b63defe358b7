"""Wakes Keras' backend up without its chatter."""

from __future__ import annotations

import os
from pathlib import Path


def start_backend() -> None:
    """Import Keras and run one operation, with stderr away: TensorFlow logs a dozen lines there, whatever is set."""
    stderr = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        import keras

        keras.ops.convert_to_numpy(keras.ops.zeros(1))
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
