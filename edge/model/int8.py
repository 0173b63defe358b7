"""Affine int8 numbers: ``q`` stands for ``scale * (q - zero_point)``. The only module that rounds, clips and widens.

Formula: Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference", https://arxiv.org/abs/1712.05877, equation 1.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

INT8_MIN, INT8_MAX = -128, 127


def quantize(values: npt.ArrayLike, scale: float, zero_point: int) -> npt.NDArray[np.int8]:
    """The nearest int8 numbers to finite real ``values`` of any shape; halves go to even, values outside are clipped.

    The order matters: a cast before the clip would wrap 128 round to -128.
    """
    steps: npt.NDArray[np.float64] = np.rint(np.asarray(values, np.float64) / scale) + zero_point
    return steps.clip(INT8_MIN, INT8_MAX).astype(np.int8)


def dequantize(
    array: npt.NDArray[np.int8], scale: float | npt.NDArray[np.float64], zero_point: int | npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """The real numbers, float32, that ``array`` stands for; scale and zero point are of the array, or of each column.

    The order matters: subtracting the zero point within int8 would overflow.
    """
    return (scale * (array.astype(np.float64) - zero_point)).astype(np.float32)
