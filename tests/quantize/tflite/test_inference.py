from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.errors import ConfigError, ModelError
from edge.records import Pixels
from quantize.classifier.agreement import float_logits
from quantize.tflite.inference import run, run_in


def test_logits_follow_the_float_network(network: Any, int8_file: bytes, pixels: Pixels) -> None:
    outputs = run(int8_file, pixels)

    assert outputs.steps.dtype == np.int8
    errors = np.abs(outputs.dequantized - float_logits(network, pixels).reshape(len(pixels), -1))
    assert (errors < 4 * outputs.scale).all()


def test_another_python_outputs_the_same_with_the_same_runtime(int8_file: bytes, pixels: Pixels) -> None:
    here = run(int8_file, pixels[:5])

    there = run_in(Path(sys.executable), int8_file, pixels[:5])

    assert there.runtime == here.runtime
    assert np.array_equal(there.dequantized, here.dequantized)
    assert np.array_equal(there.steps, here.steps)


def test_images_of_another_size_are_refused(int8_file: bytes) -> None:
    with pytest.raises(ModelError, match=r"takes \(1, 48, 48, 1\), expected one image \(1, 64, 64, 1\)"):
        run(int8_file, np.zeros((1, 64, 64), np.uint8))


def test_a_python_that_is_absent_or_fails_is_named(pixels: Pixels, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="absent/python: cannot be run"):
        run_in(tmp_path / "absent" / "python", b"nothing", pixels)
    with pytest.raises(ConfigError, match=r"cannot run the model \(status 1: .*ModelError"):
        run_in(Path(sys.executable), b"nothing", pixels)
