"""A network for images of one size, changed to take another."""

from __future__ import annotations

import numpy as np
import pytest

from edge.errors import ModelError
from edge.model.interpreter import Interpreter
from edge.model.resize import resized
from edge.vision.detector.builtin import PACKAGED_DETECTOR, load_detector
from tests.support.paths import TINY

RELEASE = load_detector(PACKAGED_DETECTOR)
PACKAGED, STRIDES = RELEASE.model, RELEASE.manifest.strides
_, HEIGHT, WIDTH, _ = RELEASE.manifest.input.shape
WHOLE = HEIGHT, WIDTH


@pytest.mark.parametrize("size", [(64, 64), (128, 128), (192, 256), (448, 640)])
def test_the_packaged_detector_takes_every_multiple_of_its_largest_stride(size: tuple[int, int]) -> None:
    network = Interpreter(resized(PACKAGED, WHOLE, size))

    outputs = network.run(np.zeros((1, *size, 1), np.int8))

    assert sorted(each.shape[1:3] for each in outputs) == sorted(
        [(size[0] // stride, size[1] // stride) for stride in STRIDES] * 2
    )
    assert [each.shape for each in outputs] == [each.shape for each in network.outputs]


def test_it_finds_the_same_in_the_middle_of_a_larger_image() -> None:
    random = np.random.default_rng(5)
    scene = np.kron(random.integers(-60, 60, (HEIGHT // 16, WIDTH // 16)), np.ones((16, 16))).astype(np.int8)
    wide = np.pad(scene, ((64, 64), (64, 64)))

    whole = Interpreter(resized(PACKAGED, WHOLE, wide.shape)).run(wide[None, :, :, None])
    part = Interpreter(PACKAGED).run(scene[None, :, :, None])

    fine, fine_part = (max(outputs, key=np.size) for outputs in (whole, part))
    assert fine.shape[1] == fine_part.shape[1] + 16
    middle = fine[0, 8 + 12 : -8 - 12, 8 + 16 : -8 - 16].astype(int)
    assert np.abs(middle - fine_part[0, 12:-12, 16:-16]).mean() < 4


def test_a_size_that_does_not_come_out_even_is_refused() -> None:
    with pytest.raises(ModelError, match=f"model for images of {WIDTH}x{HEIGHT} cannot take 100x128"):
        resized(PACKAGED, WHOLE, (128, 100))


def test_the_same_size_changes_nothing() -> None:
    assert resized(PACKAGED, WHOLE, WHOLE) == PACKAGED


def test_a_network_without_upsampling_is_resized_too() -> None:
    tiny = (TINY / "face" / "model.tflite").read_bytes()

    outputs = Interpreter(resized(tiny, (96, 128), (48, 64))).run(np.zeros((1, 48, 64, 1), np.int8))

    assert {each.shape[1:3] for each in outputs} == {(6, 8), (3, 4)}
