"""At most the wished number of images a second, and no fewer than came."""

from __future__ import annotations

import numpy as np
import pytest

from edge.camera.pace import Pace


def used(fps: float, moments_s: list[float]) -> int:
    pace = Pace(fps)
    return sum(pace.due(moment_s) for moment_s in moments_s)


@pytest.mark.parametrize("rate", [0.1, 0.5, 1, 5, 9.9, 10, 10.1, 12.5, 15, 24, 25, 29.97, 30, 50, 60, 1000])
@pytest.mark.parametrize("jitter", [0.0, 0.3])
def test_of_any_rate_at_most_the_wished_one_is_used(rate: float, jitter: float) -> None:
    noise = np.random.default_rng(1).uniform(-jitter / 2, jitter / 2, 2000)
    moments_s = [(number + shift) / rate for number, shift in enumerate(noise)]

    count = used(10, moments_s)

    expected = min(rate, 10) * 2000 / rate
    assert count <= expected + 2
    assert count >= 0.97 * expected - 1


def test_after_a_pause_there_is_no_burst() -> None:
    moments_s = [0.0, *(100 + number / 1000 for number in range(1000))]

    assert used(10, moments_s) <= 1 + 10 + 2
