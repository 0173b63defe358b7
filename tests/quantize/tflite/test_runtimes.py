from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from edge.records import Pixels
from quantize.tflite.inference import Outputs
from quantize.tflite.runtimes import Difference, compare_runtimes, difference


def outputs(*rows: list[int]) -> Outputs:
    scale, zero_point = np.full(len(rows[0]), 0.1), np.zeros(len(rows[0]), np.int64)
    return Outputs("runtime 1.0", np.array(rows, np.int8), scale, zero_point)


def test_differences_count_steps_without_wrapping_round() -> None:
    counted = difference(outputs([-128, 127], [3, 1], [9, 2]), outputs([127, 127], [1, 3], [9, 2]))

    assert counted == Difference("runtime 1.0", images=3, equal=1 / 3, largest=255, mean=259 / 6, top_changed=2 / 3)


def test_all_runtimes_at_hand_stay_within_a_few_steps(int8_file: bytes, pixels: Pixels) -> None:
    differences = compare_runtimes(int8_file, pixels[:10], [Path(sys.executable)])

    names = [each.runtime for each in differences]
    assert [name.partition(", ")[2] for name in names[:2]] == ["optimised", "XNNPACK"]
    assert names[2] == names[3]
    assert all(each.largest <= 4 for each in differences)
