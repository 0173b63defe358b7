from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from train.foreign.ranges import INPUT_RANGES, make_range

DOCUMENT = Path(__file__).parents[3] / "docs" / "convert.md"
NOISE = np.random.RandomState(0).randint(0, 256, (5, 8, 8)).astype(np.uint8)


@pytest.mark.parametrize(
    ("name", "white", "black"),
    [
        ("0..255", (255,), (0,)),
        ("0..1", (1,), (0,)),
        ("-1..1", (1,), (-1,)),
        ("-0.5..0.5", (0.5,), (-0.5,)),
        ("imagenet", (2.2489, 2.4286, 2.6400), (-2.1179, -2.0357, -1.8044)),
        ("caffe", (151.061, 138.221, 131.32), (-103.939, -116.779, -123.68)),
    ],
)
def test_grey_levels_reach_the_network_in_the_range_it_was_trained_with(
    name: str, white: tuple[float, ...], black: tuple[float, ...]
) -> None:
    made = make_range(name, len(white), NOISE)

    assert made is not None
    assert np.allclose(255 * np.array(made.scale) + made.offset, white, atol=1e-3)
    assert np.allclose(made.offset, black, atol=1e-3)


def test_standardised_images_have_mean_0_and_deviation_1() -> None:
    made = make_range("standardised", 1, NOISE)

    assert made is not None
    standardised = NOISE * made.scale[0] + made.offset[0]
    assert (standardised.mean(), standardised.std()) == pytest.approx((0, 1))


def test_a_range_of_three_channels_does_not_fit_grey_images() -> None:
    assert make_range("vggface", 1, NOISE) is None


def test_the_document_names_every_range() -> None:
    assert set(INPUT_RANGES) <= set(re.findall(r"`([^`\s]+)`", DOCUMENT.read_text("utf-8")))
