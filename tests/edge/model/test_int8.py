import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.model.int8 import dequantize, quantize

SCALES = st.floats(1e-4, 1e3)
ZERO_POINTS = st.integers(-128, 127)


@pytest.mark.parametrize(
    ("value", "scale", "zero_point", "expected"),
    [
        (0.0, 0.5, 3, 3),
        (1.0, 0.5, 3, 5),
        (-1.0, 0.5, 3, 1),
        (0.26, 0.5, 0, 1),
        (0.24, 0.5, 0, 0),
        (255, 1.0, -128, 127),
        (0, 1.0, -128, -128),
    ],
)
def test_a_real_number_becomes_the_nearest_step(value: float, scale: float, zero_point: int, expected: int) -> None:
    quantized = quantize([value], scale, zero_point)

    assert quantized.dtype == np.int8
    assert quantized.tolist() == [expected]


@pytest.mark.parametrize(("value", "expected"), [(1.004, 127), (1e9, 127), (-1.1, -128), (-1e9, -128)])
def test_what_lies_outside_is_clipped_and_never_wraps(value: float, expected: int) -> None:
    quantized = quantize([value], 1 / 128, 0)

    assert quantized.tolist() == [expected]


def test_every_pixel_value_survives_the_way_there_and_back() -> None:
    pixels = np.arange(256, dtype=np.uint8)

    back = dequantize(quantize(pixels, 1.0, -128), 1.0, -128)

    assert back.dtype == np.float32
    assert back.tolist() == pixels.tolist()


def test_the_lowest_step_less_the_highest_zero_point_does_not_overflow() -> None:
    lowest = np.array([-128], np.int8)

    assert dequantize(lowest, 0.5, 127).tolist() == [-127.5]


def test_the_shape_is_kept() -> None:
    assert quantize(np.zeros((1, 4, 4, 3)), 1.0, 0).shape == (1, 4, 4, 3)
    assert dequantize(np.zeros((1, 7), np.int8), 1.0, 0).shape == (1, 7)


@given(st.integers(-128, 127), SCALES, ZERO_POINTS)
def test_every_step_quantizes_to_itself(step: int, scale: float, zero_point: int) -> None:
    steps = np.array([step], np.int8)

    assert quantize(dequantize(steps, scale, zero_point), scale, zero_point).tolist() == [step]


@given(st.floats(-1, 1), SCALES, ZERO_POINTS)
def test_within_the_range_the_error_is_half_a_step_at_most(share: float, scale: float, zero_point: int) -> None:
    middle, reach = -0.5 - zero_point, 127.5
    value = scale * (middle + share * reach)

    error = abs(float(dequantize(quantize([value], scale, zero_point), scale, zero_point)[0]) - value)

    assert error <= scale / 2 * (1 + 1e-3)
