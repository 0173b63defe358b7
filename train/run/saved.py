"""Opens what a run has saved."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

from edge.errors import ModelError
from edge.labels import EMOTIONS, HEADS, INPUT_SIZE_PX


def open_model(path: Path) -> Any:
    """The Keras model in ``path``, ready to answer but not to learn.

    Raises:
        ModelError: the file is absent or no Keras model.
    """
    import keras

    if not path.is_file():
        raise ModelError(f"model {path}: does not exist, expected the model.keras of a run folder")
    try:
        return keras.saving.load_model(path, compile=False)
    except (OSError, ValueError, TypeError, KeyError, zipfile.BadZipFile) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ModelError(f"model {path}: is no Keras model ({reason}), expected a .keras file of fer-train") from error


def open_classifier(path: Path) -> Any:
    """The classifier in ``path``: of grey faces (n, 48, 48, 1), which answers logits (n, 7) for each of ``HEADS``.

    Raises:
        ModelError: as ``open_model``, or it takes or gives something else.
    """
    model = open_model(path)
    for what, accepted in (
        ("input_shape", (None, INPUT_SIZE_PX, INPUT_SIZE_PX, 1)),
        ("output_shape", [(None, len(EMOTIONS))] * len(HEADS)),
    ):
        shape = getattr(model, what, None)
        if shape != accepted:
            raise ModelError(f"model {path}: {what} is {shape}, accepted is {accepted}; train it with fer-train")
    return model
