"""How far a detector sees, on drawn faces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from train.detector.reach import FRAMES_PX, HEADS, HEIGHTS_PX, compose, measure_reach
from train.detector.synthesis.sprites import Collection

TINY = Path(__file__).parents[2] / "data" / "tiny"


def test_frames_of_all_sizes_show_heads_of_one_height(collection: Collection) -> None:
    for frame_px in FRAMES_PX:
        frames = compose(collection, frame_px, 40, 3)

        heights = np.concatenate([np.ptp(frame.faces[:, 1::2], axis=1) for frame in frames])
        assert {frame.pixels.shape for frame in frames} == {frame_px}
        assert len(heights) > 2 * HEADS
        assert np.median(heights) == pytest.approx(40, rel=0.05)  # boxes of tilted heads differ


def test_the_table_has_a_row_for_each_size_of_frame(collection: Collection) -> None:
    table = measure_reach(TINY / "face", collection, count=1).splitlines()

    assert len(table) == 2 + len(FRAMES_PX)
    assert table[0].count("px") == len(HEIGHTS_PX)
    assert table[2].split("|")[-3].strip() == "1"
