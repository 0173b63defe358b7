"""A network for images of one size, changed to take another."""

from __future__ import annotations

import numpy as np
import pytest

from edge.errors import ModelError
from edge.model.interpreter import Interpreter
from edge.model.resize import resized
from edge.vision.detector.builtin import PACKAGED_DETECTOR
from tests.support.paths import TINY

PACKAGED = (PACKAGED_DETECTOR / "model.tflite").read_bytes()
WHOLE = (320, 384)


@pytest.mark.parametrize("size", [(64, 64), (128, 128), (192, 256), (448, 640)])
def test_the_packaged_detector_takes_every_multiple_of_its_largest_stride(size: tuple[int, int]) -> None:
    network = Interpreter(resized(PACKAGED, WHOLE, size))

    outputs = network.run(np.zeros((1, *size, 1), np.int8))

    assert sorted(each.shape[1:3] for each in outputs) == sorted(
        [(size[0] // stride, size[1] // stride) for stride in (8, 16, 32, 64)] * 2
    )
    assert [each.shape for each in outputs] == [each.shape for each in network.outputs]


def test_it_finds_the_same_in_the_middle_of_a_larger_image() -> None:
    random = np.random.default_rng(5)
    scene = np.kron(random.integers(-60, 60, (20, 24)), np.ones((16, 16))).astype(np.int8)
    wide = np.pad(scene, ((64, 64), (64, 64)))

    whole = Interpreter(resized(PACKAGED, WHOLE, wide.shape)).run(wide[None, :, :, None])
    part = Interpreter(PACKAGED).run(scene[None, :, :, None])

    fine, fine_part = (max(outputs, key=np.size) for outputs in (whole, part))
    assert fine.shape[1] == fine_part.shape[1] + 16
    middle = fine[0, 8 + 12 : 8 + 28, 8 + 16 : 8 + 32].astype(int)
    assert np.abs(middle - fine_part[0, 12:28, 16:32]).mean() < 4


def test_a_size_that_does_not_come_out_even_is_refused() -> None:
    with pytest.raises(ModelError, match="model for images of 384x320 cannot take 100x128"):
        resized(PACKAGED, WHOLE, (128, 100))


def test_the_same_size_changes_nothing() -> None:
    assert resized(PACKAGED, WHOLE, WHOLE) == PACKAGED


def test_a_network_without_upsampling_is_resized_too() -> None:
    tiny = (TINY / "face" / "model.tflite").read_bytes()

    outputs = Interpreter(resized(tiny, (96, 128), (48, 64))).run(np.zeros((1, 48, 64, 1), np.int8))

    assert {each.shape[1:3] for each in outputs} == {(6, 8), (3, 4)}
