"""Opening a run's model: what is refused, and the message."""

from __future__ import annotations

from pathlib import Path

import pytest

keras = pytest.importorskip("keras", reason="needs the extra train")

from edge.errors import ModelError  # noqa: E402
from train.run.saved import open_classifier  # noqa: E402


@pytest.mark.parametrize(
    ("shape", "classes", "message"),
    [
        (
            (64, 64, 1),
            [7, 7],
            r"input_shape is \(None, 64, 64, 1\), but .* has \(None, 48, 48, 1\)",
        ),
        (
            (48, 48, 3),
            [7, 7],
            r"input_shape is \(None, 48, 48, 3\), but .* has \(None, 48, 48, 1\)",
        ),
        (
            (48, 48, 1),
            [7, 8],
            r"output_shape is \[\(None, 7\), \(None, 8\)\], but .* has \[\(None, 7\), \(None, 7\)\]",
        ),
        (
            (48, 48, 1),
            [7],
            r"output_shape is \(None, 7\), but .* has \[\(None, 7\), \(None, 7\)\]",
        ),
    ],
)
def test_a_model_of_other_shapes_is_refused_by_name(
    shape: tuple[int, ...], classes: list[int], message: str, tmp_path: Path
) -> None:
    pixels = keras.Input(shape)
    pooled = keras.layers.GlobalAveragePooling2D()(pixels)
    logits = [keras.layers.Dense(count)(pooled) for count in classes]
    keras.Model(pixels, logits if len(logits) > 1 else logits[0]).save(tmp_path / "model.keras")

    with pytest.raises(ModelError, match=message):
        open_classifier(tmp_path / "model.keras")


def test_a_file_that_is_absent_or_not_a_keras_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.keras").write_text("no model")

    with pytest.raises(ModelError, match=r"does not exist; give the model.keras of a run folder"):
        open_classifier(tmp_path / "absent.keras")
    with pytest.raises(ModelError, match=r"is not a Keras model \("):
        open_classifier(tmp_path / "model.keras")
