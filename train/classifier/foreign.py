"""Runs classifiers that others trained, of any input size, on labelled faces: to see how good they are here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from edge.errors import ModelError
from edge.labels import check_labels
from edge.model.interpreter import Interpreter
from edge.records import Pixels
from train.run.backend import muted_stderr
from train.run.saved import open_model, read_labels

INPUT_RANGES = {"0..255": (1.0, 0.0), "0..1": (1 / 255, 0.0), "-1..1": (1 / 127.5, -1.0)}
"""The range of a network's input in training: scale and offset that take grey levels there."""

Scores = npt.NDArray[np.float32]


def input_side(model: Path) -> int:
    """The side of the square images that a ``.tflite``, ``.keras`` or ``.h5`` file takes, in pixels.

    Raises:
        ModelError: it cannot be opened, or takes something else.
    """
    if model.suffix == ".tflite":
        try:
            with muted_stderr():
                shape: Any = Interpreter(model.read_bytes()).inputs[0].shape
        except OSError as error:
            raise ModelError(f"model {model}: cannot be read ({error.strerror})") from error
        except ModelError as error:
            raise ModelError(f"model {model}: {error}") from error
    else:
        shape = getattr(open_model(model), "input_shape", None)
    match shape:
        case (_, int(height), int(width), 1 | 3) if height == width:
            return height
    raise ModelError(f"model {model}: takes {shape}, not one square image, grey or RGB")


def labels_of_model(model: Path, file: Path | None) -> tuple[str, ...] | None:
    """The labels in the text ``file``, a line each, else what lies beside ``model``: run.json, model.json, labels.txt.

    Raises:
        ModelError: ``file`` cannot be read, or holds what cannot be labels.
    """
    if file is None and (known := read_labels(model)):
        return known
    file = file or model.with_name("labels.txt")
    try:
        lines = file.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        if file == model.with_name("labels.txt"):
            return None
        raise ModelError(f"labels {file}: cannot be read ({error}); give a text file, one label a line") from error
    # Teachable Machine numbers its lines: "0 happy".
    numbered = [line.partition(" ") for line in lines if line.strip()]
    if all(number == str(place) and name for place, (number, _, name) in enumerate(numbered)):
        lines = [name for _, _, name in numbered]
    try:
        return check_labels(line for line in lines if line.strip())
    except ValueError as error:
        raise ModelError(f"labels {file}: {error}") from error


def run_foreign(network: Any, pixels: Pixels, input_range: str) -> Scores:
    """Logits (n, labels) of a Keras network for faces (n, side, side); probabilities become their logarithms."""
    scale, offset = INPUT_RANGES[input_range]
    given = []
    for start in range(0, len(pixels), 256):
        images = pixels[start : start + 256, ..., np.newaxis].astype(np.float32) * scale + offset
        given.append(network.predict(np.repeat(images, network.input_shape[-1], axis=3), verbose=0))
    scores = np.concatenate(given).astype(np.float32)
    if scores.ndim != 2:
        raise ModelError(f"gives {scores.shape[1:]} for a face, not one number for each label")
    if (scores >= 0).all() and np.allclose(scores.sum(axis=1), 1, atol=1e-2):
        scores = np.log(np.maximum(scores, 1e-7))
    return scores


def resized(pixels: Pixels, side_px: int) -> Pixels:
    """Faces (n, side, side) with other sides."""
    if pixels.shape[1] == side_px:
        return pixels
    how = cv2.INTER_AREA if pixels.shape[1] > side_px else cv2.INTER_LINEAR
    return np.stack([cv2.resize(face, (side_px, side_px), interpolation=how) for face in pixels]).astype(np.uint8)
