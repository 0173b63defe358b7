"""Opens the model files that runs save."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.errors import ModelError
from edge.labels import EMOTIONS, HEADS, INPUT_SIZE_PX, check_labels

OWN_HEAD = "emotion"
"""The only output of a classifier with other labels than ``EMOTIONS``."""


def head_names(labels: Sequence[str]) -> tuple[str, ...]:
    """The outputs of a classifier that fer-train trains for ``labels``."""
    return HEADS if tuple(labels) == EMOTIONS else (OWN_HEAD,)


def open_model(path: Path) -> Any:
    """Load a ``.keras`` file for inference.

    Raises:
        ModelError: the file is missing, damaged or not a Keras model.
    """
    import keras

    if not path.is_file():
        raise ModelError(f"model {path}: does not exist; give the model.keras of a run folder")
    if path.suffix not in (".keras", ".h5", ".hdf5"):
        raise ModelError(f"model {path}: is not a Keras model; give a .keras file of fer-train")
    try:
        if path.suffix == ".keras":
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
    """Load a classifier of fer-train, from grey faces (n, 48, 48, 1) to logits (n, 7) for each of ``HEADS``, or to
    logits (n, labels) for labels of its own.

    Raises:
        ModelError: as ``open_model``, or its input or output has another shape.
    """
    model = open_model(path)
    taken, given = getattr(model, "input_shape", None), getattr(model, "output_shape", None)
    own = isinstance(given, tuple) and len(given) == 2 and getattr(model, "output_names", None) == [OWN_HEAD]
    for what, shape, accepted, fits in (
        ("input_shape", taken, (None, INPUT_SIZE_PX, INPUT_SIZE_PX, 1), False),
        ("output_shape", given, [(None, len(EMOTIONS))] * len(HEADS), own),
    ):
        if shape != accepted and not fits:
            raise ModelError(f"model {path}: {what} is {shape}, but a classifier of fer-train has {accepted}")
    return model


def is_ours(path: Path) -> bool:
    """Whether a ``.keras`` file is a classifier of fer-train; others are for ``train.foreign``."""
    if path.suffix != ".keras":
        return False
    try:
        open_classifier(path)
    except ModelError:
        return False
    return True


def read_labels(path: Path) -> tuple[str, ...] | None:
    """The labels of a model file, in the order of its outputs, as the run.json or model.json beside it says."""
    for name in ("run.json", "model.json"):
        with suppress(OSError, ValueError, TypeError, KeyError):
            return check_labels(json.loads(path.with_name(name).read_text("utf-8"))["labels"])
    return None


def predict_logits(model: Any, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """What a classifier gives for grey faces (n, side, side): logits (n, heads, labels)."""
    given = model.predict(pixels[..., np.newaxis], batch_size=256, verbose=0)
    return np.stack(given if isinstance(given, list) else [given], axis=1)
