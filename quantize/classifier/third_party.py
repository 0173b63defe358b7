"""Opens a classifier that somebody else trained: its file, its labels, the range of its input."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

from edge.errors import ModelError
from edge.labels import EMOTIONS

LABELS = (*EMOTIONS, "contempt")
"""The labels that a manifest may name; the daemon counts contempt as neutral."""

SYNONYMS = {
    "anger": "angry",
    "disgusted": "disgust",
    "fearful": "fear",
    "scared": "fear",
    "happiness": "happy",
    "sadness": "sad",
    "surprised": "surprise",
}
"""Other names for these labels, in data sets and repositories."""

INPUT_RANGES = {"0..255": (1.0, 0.0), "0..1": (1 / 255, 0.0), "-1..1": (1 / 127.5, -1.0)}
"""The range of a network's input in training: scale and offset that take grey levels there."""


def read_labels(path: Path) -> tuple[str, ...]:
    """The labels in ``path``, one per line in the order of the model's outputs.

    Synonyms are replaced, empty lines skipped.

    Raises:
        ModelError: the file cannot be read, or a label is unknown or listed twice.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(
            f"labels {path}: cannot be read ({error}); expected a text file, one label per line"
        ) from error
    labels: list[str] = []
    for number, line in enumerate(lines, 1):
        word = line.strip().lower()
        label = SYNONYMS.get(word, word)
        if not word:
            continue
        if label not in LABELS:
            raise ModelError(
                f"labels {path} line {number}: {line.strip()!r} is unknown, expected one of {', '.join(LABELS)} or "
                f"of the synonyms {', '.join(SYNONYMS)}"
            )
        if label in labels:
            raise ModelError(f"labels {path} line {number}: {label!r} is listed twice; list each label once")
        labels.append(label)
    return tuple(labels)


def open_third_party(path: Path, labels: tuple[str, ...], input_range: str) -> Any:
    """Open a ``.keras`` or ``.h5`` file or a SavedModel folder as a Keras model of raw grey levels 0..255.

    Args:
        path: the classifier. Keras refuses code in a file (Lambda layers); a SavedModel is a program, so open only what
            you trust.
        labels: the names of its outputs.
        input_range: one of ``INPUT_RANGES``; becomes part of the graph.

    Raises:
        ModelError: it cannot be opened, or is no classifier of one square image with as many outputs as ``labels``.
    """
    import keras

    network = _open(path)
    taken, given = getattr(network, "input_shape", None), getattr(network, "output_shape", None)
    match taken:
        case (None | 1, int(height), int(width), 1 | 3) if height == width:
            pass
        case _:
            raise ModelError(
                f"model {path}: takes {taken}, expected one square image, (None, size, size, 1) grey or "
                "(None, size, size, 3) RGB"
            )
    if not isinstance(given, tuple) or len(given) != 2:
        raise ModelError(f"model {path}: gives {given}, expected one vector of logits or probabilities")
    if given[1] != len(labels):
        raise ModelError(
            f"model {path}: gives {given[1]} numbers, but {len(labels)} labels are listed; "
            "list one label for each number"
        )
    scale, offset = INPUT_RANGES[input_range]
    pixels = keras.Input(taken[1:])
    scaled = pixels if (scale, offset) == (1, 0) else keras.layers.Rescaling(scale, offset, name="range")(pixels)
    # Names end up in the converted file; if Keras numbered them, the same input would not give the same bytes.
    return keras.Model(pixels, network(scaled, training=False), name="third_party")


def _open(path: Path) -> Any:
    import keras

    expected = "expected a .keras or .h5 file or the folder of a SavedModel"
    if not path.exists():
        raise ModelError(f"model {path}: does not exist; {expected}")
    try:
        return _open_saved_model(path) if path.is_dir() else keras.saving.load_model(path, compile=False)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, zipfile.BadZipFile) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ModelError(f"model {path}: cannot be opened ({reason}); {expected}") from error


def _open_saved_model(folder: Path) -> Any:
    import keras
    import tensorflow as tf

    signature = tf.saved_model.load(str(folder)).signatures["serving_default"]
    (taken,) = signature.structured_input_signature[1].values()
    pixels = keras.Input(taken.shape[1:])
    layer = keras.layers.TFSMLayer(str(folder), call_endpoint="serving_default", name="network")
    (given,) = layer(pixels).values()
    return keras.Model(pixels, given, name="saved_model")
