"""Opens the model files that runs save."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

from edge.errors import ModelError
from edge.labels import EMOTIONS, HEADS, INPUT_SIZE_PX


def open_model(path: Path) -> Any:
    """Load a ``.keras`` file for inference.

    Raises:
        ModelError: the file is missing, damaged or not a Keras model.
    """
    import keras

    if not path.is_file():
        raise ModelError(f"model {path}: does not exist; give the model.keras of a run folder")
    try:
        _check_sums(path)
        return keras.saving.load_model(path, compile=False)
    except (OSError, ValueError, TypeError, KeyError, zipfile.BadZipFile) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ModelError(f"model {path}: is not a Keras model ({reason}); give a .keras file of fer-train") from error


def _check_sums(path: Path) -> None:
    """Compare every file in the ``.keras`` archive with its checksum.

    Keras seeks in the weights, and zipfile does not compare what it reads after seeking, since Python 3.12
    (https://github.com/python/cpython/issues/88339).
    """
    with zipfile.ZipFile(path) as archive:
        if damaged := archive.testzip():
            raise zipfile.BadZipFile(f"the checksum of {damaged} is wrong")


def open_classifier(path: Path) -> Any:
    """Load a classifier: it maps grey faces (n, 48, 48, 1) to logits (n, 7) for each of ``HEADS``.

    Raises:
        ModelError: as ``open_model``, or its input or output has another shape.
    """
    model = open_model(path)
    for what, accepted in (
        ("input_shape", (None, INPUT_SIZE_PX, INPUT_SIZE_PX, 1)),
        ("output_shape", [(None, len(EMOTIONS))] * len(HEADS)),
    ):
        shape = getattr(model, what, None)
        if shape != accepted:
            raise ModelError(f"model {path}: {what} is {shape}, but a classifier of fer-train has {accepted}")
    return model
