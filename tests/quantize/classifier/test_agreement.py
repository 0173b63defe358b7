from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.errors import ConfigError, ModelError
from edge.records import Pixels
from quantize.classifier.agreement import answer, answer_in
from quantize.tflite.convert import float_logits


def test_logits_follow_the_float_network(network: Any, int8_file: bytes, pixels: Pixels) -> None:
    answers = answer(int8_file, pixels)

    assert answers.steps.dtype == np.int8
    errors = np.abs(answers.logits - float_logits(network, pixels).reshape(len(pixels), -1))
    assert (errors < 4 * answers.scale).all()


def test_another_python_answers_the_same_with_the_same_runtime(
    int8_file: bytes, pixels: Pixels, tmp_path: Path
) -> None:
    model = tmp_path / "model.tflite"
    model.write_bytes(int8_file)
    here = answer(int8_file, pixels[:5])

    there = answer_in(Path(sys.executable), model, pixels[:5])

    assert there.runtime == here.runtime
    assert np.array_equal(there.logits, here.logits)
    assert np.array_equal(there.steps, here.steps)


def test_pictures_of_another_size_are_refused(int8_file: bytes) -> None:
    with pytest.raises(ModelError, match=r"takes \(1, 48, 48, 1\), expected one picture \(1, 64, 64, 1\)"):
        answer(int8_file, np.zeros((1, 64, 64), np.uint8))


def test_a_python_that_is_absent_or_fails_is_named(pixels: Pixels, tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(b"nothing")

    with pytest.raises(ConfigError, match="absent/python: cannot be run"):
        answer_in(tmp_path / "absent" / "python", tmp_path / "model.tflite", pixels)
    with pytest.raises(ConfigError, match=r"cannot run .*model.tflite \(status 1: .*ModelError"):
        answer_in(Path(sys.executable), tmp_path / "model.tflite", pixels)
