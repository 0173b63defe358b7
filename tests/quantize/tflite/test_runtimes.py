from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from edge.records import Pixels
from quantize.classifier.agreement import Answers
from quantize.tflite.runtimes import Difference, compare_runtimes, difference


def answers(*rows: list[int]) -> Answers:
    return Answers("runtime 1.0", np.array(rows, np.int8), 0.1, 0)


def test_differences_count_steps_without_wrapping_round() -> None:
    counted = difference(answers([-128, 127], [3, 1], [9, 2]), answers([127, 127], [1, 3], [9, 2]))

    assert counted == Difference("runtime 1.0", pictures=3, equal=1 / 3, largest=255, mean=259 / 6, changed=2 / 3)


def test_all_runtimes_at_hand_stay_within_a_few_steps(int8_file: bytes, pixels: Pixels, tmp_path: Path) -> None:
    model = tmp_path / "model.tflite"
    model.write_bytes(int8_file)

    differences = compare_runtimes(model, pixels[:10], [Path(sys.executable)])

    names = [each.runtime for each in differences]
    assert [name.partition(", ")[2] for name in names[:2]] == ["optimised", "XNNPACK"]
    assert names[2] == names[3]
    assert all(each.largest <= 4 for each in differences)
