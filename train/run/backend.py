"""Starts Keras' backend without its log, and chooses how it compiles."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def muted_stderr() -> Iterator[TextIO]:
    """Discard what is written to file descriptor 2, by C++ code too; yields the original stderr."""
    stderr = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as nowhere, os.fdopen(stderr, "w", closefd=False) as terminal:
            os.dup2(nowhere.fileno(), 2)
            yield terminal
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)


def start_backend() -> None:
    """Import Keras and run one operation without TensorFlow's dozen log lines, which no setting switches off."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # for what it says later
    with muted_stderr():
        import keras

        keras.ops.convert_to_numpy(keras.ops.zeros(1))


def jit_compile() -> bool | str:
    """Whether to compile a training step with XLA, for ``keras.Model.compile``.

    On a CPU, TensorFlow's XLA makes convolutions four times slower (measured); other backends choose for themselves.
    """
    import keras

    return False if keras.backend.backend() == "tensorflow" else "auto"
